import { useEffect, useRef } from 'react';

export type KeyMap = Record<string, (event: KeyboardEvent) => void>;

/**
 * Single keys that do something on a page. They rest while somebody types, while a window is open above
 * the page, and with modifiers, which belong to the browser and to screen readers.
 */
export function useKeys(keys: KeyMap, active = true): void {
  const current = useRef(keys);
  useEffect(() => {
    current.current = keys;
  });
  useEffect(() => {
    if (!active) return;
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || isWindowOpen()) return;
      const act = current.current[event.key];
      if (!act) return;
      event.preventDefault();
      act(event);
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [active]);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  // Nobody types into a tick; space, its own key, is no page's key.
  if (target instanceof HTMLInputElement && ['checkbox', 'radio'].includes(target.type)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

/** A window that was closed may stay in the document, hidden. */
function isWindowOpen(): boolean {
  const windows = document.querySelectorAll('[role="dialog"][aria-modal="true"]');
  return [...windows].some((one) => one.checkVisibility());
}
