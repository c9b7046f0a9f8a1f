import { describe, expect, it } from 'vitest';
import { cloudsOf, keysOf } from './clouds';

describe('the cloud tree', () => {
  it('tells a whole provider from all of its accounts', () => {
    expect(keysOf([{ provider: 'aws' }, { provider: 'gcp', accounts: ['p1', 'p2'] }])).toEqual([
      'aws',
      'gcp/p1',
      'gcp/p2',
    ]);
    expect(cloudsOf(['aws'], [])).toEqual([{ provider: 'aws' }]);
    expect(cloudsOf(['gcp/p2', 'azure/s'], [])).toEqual([
      { provider: 'azure', accounts: ['s'] },
      { provider: 'gcp', accounts: ['p2'] },
    ]);
  });

  it('lets the box that was checked last count', () => {
    expect(cloudsOf(['aws/1', 'aws'], [{ provider: 'aws', accounts: ['1'] }])).toEqual([{ provider: 'aws' }]);
    expect(cloudsOf(['aws', 'aws/1'], [{ provider: 'aws' }])).toEqual([{ provider: 'aws', accounts: ['1'] }]);
    expect(cloudsOf([], [{ provider: 'aws' }])).toEqual([]);
  });

  it('keeps providers apart whose names begin alike', () => {
    expect(cloudsOf(['aws/on-premises/x'], [])).toEqual([{ provider: 'aws', accounts: ['on-premises/x'] }]);
  });
});
