import {
  autocompletion,
  closeBrackets,
  type CompletionContext,
  type CompletionResult,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint';
import { Compartment, EditorState, type Text } from '@codemirror/state';
import { EditorView, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import type { Schema } from '../../api/types';

type Field = Schema<'RuleFieldBody'>;

/** Colours that both themes have, with enough contrast in each. */
const COLOURS = HighlightStyle.define([
  { tag: tags.definition(tags.propertyName), color: 'var(--reminder)' },
  { tag: [tags.string, tags.attributeValue], color: 'var(--good)' },
  { tag: [tags.keyword, tags.number, tags.bool], color: 'var(--suspicious)' },
  { tag: tags.comment, color: 'var(--ant-color-text-secondary)', fontStyle: 'italic' },
]);

/** An editor for files of rules: problems stand where they are, and names of fields are completed. */
export function RulesEditor({
  text,
  onChange,
  diagnostics,
  fields,
  readOnly,
  label,
}: {
  text: string;
  onChange: (text: string) => void;
  diagnostics: Schema<'DiagnosticDto'>[];
  fields: Field[];
  readOnly: boolean;
  label: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const changed = useRef(onChange);
  const known = useRef(fields);
  const writable = useRef(new Compartment());
  useEffect(() => {
    changed.current = onChange;
    known.current = fields;
  });

  useEffect(() => {
    if (!box.current) return;
    const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce;
    const made = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: text,
        extensions: [
          ...(nonce ? [EditorView.cspNonce.of(nonce)] : []),
          lineNumbers(),
          history(),
          closeBrackets(),
          yaml(),
          syntaxHighlighting(COLOURS),
          lintGutter(),
          autocompletion({ override: [(context) => complete(context, known.current)] }),
          // Tab stays free to leave the editor by keyboard.
          keymap.of([...defaultKeymap, ...historyKeymap]),
          writable.current.of(EditorState.readOnly.of(readOnly)),
          EditorView.contentAttributes.of({ 'aria-label': label }),
          EditorView.lineWrapping,
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed.current(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
    // The editor is made once; what changes later is given to it below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: writable.current.reconfigure(EditorState.readOnly.of(readOnly)) });
  }, [readOnly]);
  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== text) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
    }
  }, [text]);
  useEffect(() => {
    const editor = view.current;
    if (editor)
      editor.dispatch(
        setDiagnostics(
          editor.state,
          diagnostics.map((one) => placed(one, editor.state.doc)),
        ),
      );
  }, [diagnostics]);
  return <div ref={box} className="editor" />;
}

/** A problem where it stands; one beyond the end of the text stands at its end. */
function placed(one: Schema<'DiagnosticDto'>, doc: Text): Diagnostic {
  const line = doc.line(Math.min(Math.max(one.line, 1), doc.lines));
  const from = Math.min(line.from + Math.max(one.column - 1, 0), line.to);
  return {
    from,
    to: line.to,
    severity: one.severity,
    source: one.code,
    message: one.hint ? `${one.message}\n${one.hint}` : one.message,
  };
}

function complete(context: CompletionContext, fields: Field[]): CompletionResult | null {
  const word = context.matchBefore(/[\w.]+/);
  if (!word || (word.from === word.to && !context.explicit)) return null;
  return {
    from: word.from,
    options: fields.map((field) => ({ label: field.name, detail: field.kind, info: field.description })),
    validFor: /^[\w.]*$/,
  };
}
