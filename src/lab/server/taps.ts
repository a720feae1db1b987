// TAP ports of a lab, opened in this computer's kernel.

import { formatAddress } from '../../inet/address.ts';
import { type FromKernel, Tap, type ToKernel } from '../../ports/tap.ts';
import type { Medium } from '../../wire/medium.ts';
import type { OutsidePort } from '../lab.ts';
import type { TapSpec } from '../spec.ts';

/** Makes the interface and plugs it in. Throws PortError with what would help. */
export function openTap(spec: TapSpec, medium: Medium): OutsidePort {
  const { interfaceName, address, mtu, namespace } = spec;
  const text = address === null ? undefined : `${formatAddress(address.address)}/${address.prefix}`;
  const tap = new Tap({ medium, name: interfaceName, address: text, mtu, namespace });
  return {
    name: spec.name,
    poll: (limit) => tap.poll(limit),
    waitReadable: (timeoutMs) => tap.waitReadable(timeoutMs),
    cancelWait: () => tap.cancelWait(),
    close: () => tap.close(),
    report: () => ({
      kind: 'tap',
      interface: tap.name,
      fromKernel: { ...tap.fromKernel },
      toKernel: { ...tap.toKernel },
    }),
    account: () => {
      const { fromKernel, toKernel } = tap;
      const missingIn = fromKernel.frames - fromKernel.sent - drops(fromKernel) - tap.waiting;
      const missingOut = toKernel.frames - toKernel.written - drops(toKernel);
      return {
        taken: fromKernel.frames + toKernel.frames,
        missing: Math.abs(missingIn) + Math.abs(missingOut),
      };
    },
  };
}

function drops(counters: FromKernel | ToKernel): number {
  let sum = 0;
  for (const [name, count] of Object.entries(counters)) if (name.startsWith('drop')) sum += count;
  return sum;
}
