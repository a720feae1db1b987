// A lab from text, run twice with each of two seeds: the same seed loses the same packets.
//
//   node examples/lossy-link.mjs

import { Lab, loadLab, reportLab, runVirtual, VirtualClock } from '../dist/index.js';

const text = `
name: lossy-link
hosts:
  alice: { nics: [{ address: 10.0.0.1/24 }] }
  bob:   { nics: [{ address: 10.0.0.2/24 }] }
links:
  wire:
    between: [alice, bob]
    rate: 100Mbit
    delay: 5ms
    impair: { both: { loss: 2% } }
traffic:
  - { name: stream, kind: udp, from: alice, to: bob, rate: 5kpps, size: 200 }
`;

for (const seed of [1, 1, 2]) {
  const spec = loadLab('lossy-link.yaml', text);
  spec.seed = seed;
  const lab = new Lab(spec, { clock: new VirtualClock(), readFile: () => new Uint8Array() });
  for (const _ of runVirtual(lab, 2e9, 1e9));
  const [stream] = reportLab(lab).flows;
  console.log(`seed ${seed}: sent ${stream.sent}, lost ${stream.lost}, median ${stream.latencyNs.p50} ns`);
}
