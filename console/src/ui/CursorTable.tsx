import { useInfiniteQuery } from '@tanstack/react-query';
import { Button, Table, type TableProps } from 'antd';
import { useTranslation } from 'react-i18next';
import { Empty, Failure, Loading } from './states';

interface CursorPage<Row> {
  items: Row[];
  next_cursor?: string | null;
}

/** A list that the center hands out in pages, with a button for the next one. */
export function CursorTable<Row extends object>({
  queryKey,
  fetch,
  empty,
  ...table
}: {
  queryKey: unknown[];
  fetch: (cursor: string | undefined) => Promise<CursorPage<Row>>;
  empty: string;
} & Pick<TableProps<Row>, 'columns' | 'rowKey' | 'expandable' | 'scroll'>) {
  const { t } = useTranslation();
  const query = useInfiniteQuery({
    queryKey,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => fetch(pageParam),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  if (query.isPending) return <Loading />;
  if (!query.data) return <Failure error={query.error} retry={() => void query.refetch()} />;
  const rows = query.data.pages.flatMap((page) => page.items);
  if (rows.length === 0) return <Empty title={empty} />;
  return (
    <>
      <Table<Row>
        size="small"
        // Widths that follow the content let one long name squeeze the other columns to nothing.
        tableLayout="fixed"
        pagination={false}
        dataSource={rows}
        scroll={{ x: 900 }}
        {...table}
      />
      {query.hasNextPage && (
        <p>
          <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('action.more')}
          </Button>
        </p>
      )}
    </>
  );
}
