import { useQuery } from '@tanstack/react-query';
import { api, take } from '../../api/client';
import { Hostile } from '../../ui/Hostile';

/** Nodes whose names are looked up: the center lists no more at once. */
const NODES_NAMED_MAX = 500;

/** The name of a node that is known by its id; the id where it is none of the first that are listed. */
export function NodeName({ id }: { id: string }) {
  const { data } = useQuery({
    queryKey: ['nodes', 'names'],
    queryFn: () => take(api.GET('/api/v1/nodes', { params: { query: { limit: NODES_NAMED_MAX } } })),
  });
  return <Hostile>{data?.items.find((node) => node.id === id)?.name ?? id}</Hostile>;
}
