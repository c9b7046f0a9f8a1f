import { useLayoutEffect, useRef, useState, type ReactNode } from 'react';

export interface Column<Row> {
  key: string;
  title: ReactNode;
  width?: number;
  render: (row: Row) => ReactNode;
}

/** Rows kept laid out above and below what can be seen. */
const OVERSCAN_ROWS = 8;
/** Rows by which the view moves before others are laid out: not every pixel is worth the work. */
const STEP_ROWS = 4;

/**
 * A table of any length: only the rows in view are laid out, in a real `<table>`, so that it freezes
 * nothing and still is a table to a screen reader. Asks for more when its end comes near.
 */
export function LongTable<Row>({
  rows,
  columns,
  rowKey,
  label,
  current,
  onOpen,
  onEnd,
  rowHeight = 44,
  height,
  total,
}: {
  rows: Row[];
  columns: Column<Row>[];
  rowKey: (row: Row) => string;
  label: string;
  /** Position of the row that keys act on. */
  current?: number;
  onOpen?: (row: Row, index: number) => void;
  onEnd?: () => void;
  rowHeight?: number;
  height: number | string;
  /** Rows that there are in all, if known. */
  total?: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });

  const measure = () => {
    const element = box.current;
    if (!element) return;
    const step = rowHeight * STEP_ROWS;
    const top = Math.floor(element.scrollTop / step) * step;
    const height = element.clientHeight + step;
    setView((before) => (before.top === top && before.height === height ? before : { top, height }));
    if (element.scrollHeight - element.scrollTop - element.clientHeight < rowHeight * 20) onEnd?.();
  };
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() =>
      setView({ top: element.scrollTop, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const element = box.current;
    if (current === undefined || current < 0 || !element) return;
    const head = 40;
    const top = current * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight + head > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight + head - element.clientHeight;
    }
  }, [current, rowHeight]);

  const first = Math.max(0, Math.floor(view.top / rowHeight) - OVERSCAN_ROWS);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / rowHeight) + OVERSCAN_ROWS);
  return (
    // A region that scrolls must be reachable by keyboard.

    <div
      ref={box}
      className="long-table"
      style={{ height }}
      onScroll={measure}
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <table aria-label={label} aria-rowcount={(total ?? rows.length) + 1}>
        <colgroup>
          {columns.map((column) => (
            <col key={column.key} style={column.width ? { width: column.width } : undefined} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <th key={column.key} scope="col">
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Spacer height={first * rowHeight} columns={columns.length} />
          {rows.slice(first, last).map((row, offset) => {
            const index = first + offset;
            return (
              <tr
                key={rowKey(row)}
                aria-rowindex={index + 2}
                aria-current={index === current || undefined}
                data-current={index === current}
                style={{ height: rowHeight }}
                onDoubleClick={onOpen && (() => onOpen(row, index))}
              >
                {columns.map((column) => (
                  <td key={column.key}>{column.render(row)}</td>
                ))}
              </tr>
            );
          })}
          <Spacer height={(rows.length - last) * rowHeight} columns={columns.length} />
        </tbody>
      </table>
    </div>
  );
}

function Spacer({ height, columns }: { height: number; columns: number }) {
  if (height <= 0) return null;
  return (
    <tr className="long-table-spacer" aria-hidden style={{ height }}>
      <td colSpan={columns} />
    </tr>
  );
}
