import { describe, test } from 'vitest';
import { frame, returned } from '../../../test/vocabulary/bench.ts';
import { IopktHost } from '../../../test/vocabulary/iopkt-host.ts';

describe.each(['Am79C970A', 'Am79C973'] as const)('%s', (chip) => {
  test('passes frames both ways', () => {
    const host = new IopktHost({ driver: 'pcn', chip });
    const sizes = Array.from({ length: 1455 }, (_, i) => 60 + i);
    host.echo = true;
    for (const size of sizes) {
      host.wire.deliver(frame(size, size));
      host.run(100_000);
      host.expectReceived(frame(size, size));
      host.expectFrame(returned(frame(size, size)));
    }
    host.expectConserved();
  });
});
