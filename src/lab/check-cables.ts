// Links, switches and hubs: what is plugged into what. A switch's list makes one link for each entry.

import type { ImpairmentOptions } from '../wire/impair/options.ts';
import type { Entries } from './check.ts';
import { findEndpoint } from './names.ts';
import type { Complain, Path } from './problem.ts';
import type { ImpairFile } from './schema.ts';
import {
  type Endpoint,
  endpointName,
  type HubSpec,
  type LabSpec,
  type LinkSpec,
  type SwitchSpec,
} from './spec.ts';

type Cables = Pick<LabSpec, 'links' | 'switches' | 'hubs'>;

export function checkCables(entries: Entries, complain: Complain): Cables {
  const sockets = new Sockets(entries, complain);
  const links: LinkSpec[] = [];
  const switches: SwitchSpec[] = [];
  const hubs: HubSpec[] = [];
  for (const [name, link] of entries.links) {
    if (link === null) continue;
    const path: Path = ['links', name];
    const first = sockets.take(link.between[0], name, [...path, 'between', 0]);
    const second = sockets.take(link.between[1], name, [...path, 'between', 1]);
    if (link.duplex === 'half' && link.rate === 0) {
      complain(
        [...path, 'rate'],
        'half duplex needs a rate: without time there is nothing to collide in; 10Mbit, say, would be right',
      );
    }
    if (link.duplex === 'auto' && link.rate !== 10_000_000 && link.rate !== 100_000_000) {
      complain(
        [...path, 'rate'],
        'duplex auto is of 10 and 100 Mbit/s: 100Mbit or 10Mbit, the highest that the cable carries, would be right',
      );
    }
    if (first === null || second === null) continue;
    const { impair, flap } = link;
    links.push({
      name,
      ends: [first, second],
      bitsPerSecond: link.rate,
      delayNs: link.delay,
      duplex: link.duplex,
      forth: impairments(impair?.forth ?? impair?.both),
      back: impairments(impair?.back ?? impair?.both),
      flap:
        flap === undefined
          ? null
          : { firstDownNs: flap.firstDown, downNs: flap.down, upNs: flap.up, times: flap.times },
    });
  }
  for (const [name, file] of entries.switches) {
    if (file === null) continue;
    switches.push({ name, ageingNs: file.ageing, queueFrames: file.queue });
    file.connect.forEach((text, i) => {
      const end = sockets.take(text, name, ['switches', name, 'connect', i]);
      if (end === null) return;
      links.push({
        name: `${name}-${endpointName(end)}`,
        ends: [end, { kind: 'switch', name }],
        bitsPerSecond: file.rate,
        delayNs: file.delay,
        duplex: 'full',
        forth: null,
        back: null,
        flap: null,
      });
    });
  }
  for (const [name, file] of entries.hubs) {
    if (file === null) continue;
    if (file.rate === 0) complain(['hubs', name, 'rate'], 'a hub needs a rate: 10Mbit, say, would be right');
    const ends = file.connect.map((text, i) => sockets.take(text, name, ['hubs', name, 'connect', i]));
    hubs.push({
      name,
      ends: ends.filter((end) => end !== null),
      bitsPerSecond: file.rate,
      delayNs: file.delay,
    });
  }
  for (const name of entries.ports.keys()) {
    if (!sockets.isTaken(name)) {
      complain(
        ['ports', name],
        `nothing is plugged into "${name}": links: {NAME: {between: [${name}, HOST]}} would be right`,
        'key',
      );
    }
  }
  return { links, switches, hubs };
}

/** Which socket has which cable. */
class Sockets {
  private readonly entries: Entries;
  private readonly complain: Complain;
  private readonly cables = new Map<string, string>();

  constructor(entries: Entries, complain: Complain) {
    this.entries = entries;
    this.complain = complain;
  }

  /** Plugs a cable into what the text names; null when that is wrong, which is said. */
  take(text: string, cable: string, path: Path): Endpoint | null {
    const end = findEndpoint(text, this.entries, this.complain, path);
    if (end === null || end.kind === 'switch') return end;
    const name = endpointName(end);
    const other = this.cables.get(name);
    if (other !== undefined) {
      this.complain(
        path,
        `${name} has a cable already, "${other}": one is all it takes; a switch would connect more`,
      );
      return null;
    }
    this.cables.set(name, cable);
    return end;
  }

  isTaken(name: string): boolean {
    return this.cables.has(name);
  }
}

function impairments(file: ImpairFile | undefined): ImpairmentOptions | null {
  if (file === undefined) return null;
  const { rateLimit, corruption, reordering, delay } = file;
  return {
    rateLimit: rateLimit && {
      bitsPerSecond: rateLimit.rate,
      queueFrames: rateLimit.queue,
      burstBytes: rateLimit.burst,
    },
    loss: file.loss,
    gilbertElliott: file.gilbertElliott,
    corruption,
    duplication: file.duplication,
    reordering: reordering && {
      probability: reordering.probability,
      gapFrames: reordering.gap,
      delayNs: reordering.delay,
    },
    delay: delay && {
      baseNs: delay.base,
      jitterNs: delay.jitter,
      distribution: delay.distribution,
      keepOrder: delay.keepOrder,
    },
  };
}
