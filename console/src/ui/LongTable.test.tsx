import { render, screen } from '@testing-library/react';
import { expect, it } from 'vitest';
import { LongTable } from './LongTable';

it('lays out what is in view alone, however long the list is', () => {
  const rows = Array.from({ length: 100_000 }, (_, index) => ({ id: String(index) }));
  render(
    <LongTable
      label="Alerts"
      rows={rows}
      total={10_000_000}
      columns={[{ key: 'id', title: 'Id', render: (row) => row.id }]}
      rowKey={(row) => row.id}
      height={600}
    />,
  );
  expect(screen.getByRole('table')).toHaveAttribute('aria-rowcount', '10000001');
  expect(screen.getAllByRole('row').length).toBeLessThan(40);
});
