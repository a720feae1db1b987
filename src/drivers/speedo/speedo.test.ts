import { describe, test } from 'vitest';
import { frame, returned } from '../../../test/vocabulary/bench.ts';
import { IopktHost } from '../../../test/vocabulary/iopkt-host.ts';

describe.each(['i82557b', 'i82558b', 'i82559er', 'i82551'] as const)('%s', (chip) => {
  test('passes frames both ways', () => {
    const host = new IopktHost({ driver: 'speedo', chip });
    host.echo = true;
    for (let size = 60; size <= 1514; size++) {
      host.wire.deliver(frame(size, size));
      host.run(100_000);
      host.expectReceived(frame(size, size));
      host.expectFrame(returned(frame(size, size)));
    }
    host.expectConserved();
  });
});
