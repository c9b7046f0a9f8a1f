import { describe, expect, it } from 'vitest';
import { formatAgo, formatTime } from './Time';

describe('times', () => {
  it('stand in the zone of the viewer', () => {
    const date = new Date('2026-03-29T15:30:00.123456789Z');
    expect(formatTime(date, 'en', true, 'Asia/Tokyo')).toBe('03/30/2026, 00:30:00');
    expect(formatTime(date, 'ja', true, 'Asia/Tokyo')).toBe('2026/03/30 00:30:00');
    expect(formatTime(date, 'ja', false, 'UTC')).toBe('2026/03/29 15:30');
  });

  it('are told by how long ago they were', () => {
    expect(formatAgo(-30, 'en')).toBe('30 sec. ago');
    expect(formatAgo(-7200, 'ja')).toBe('2 時間前');
    expect(formatAgo(-3 * 86_400, 'en')).toBe('3 days ago');
  });
});
