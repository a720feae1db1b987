// Small labs made from a seed: hosts on a link, around a router, a switch or a hub, with whatever stacks, drivers, cards, impairments, flaps and
// traffic the seed says. The text of a lab file, so that a failure can be read and run by hand.

import { Random } from '../../src/kernel/random.ts';

const LETTERS = ['a', 'b', 'c', 'd'];

class LabMaker {
  private readonly random: Random;
  private readonly lines: string[] = [];

  constructor(seed: number) {
    this.random = new Random(seed, 'random lab');
  }

  text(seed: number): string {
    const { random } = this;
    const count = 2 + random.below(3);
    this.lines.push(`name: random-${seed}`, `seed: ${seed}`);
    const topology =
      count === 2 ? this.pick(['link', 'link', 'switch', 'hub']) : this.pick(['switch', 'hub', 'router']);
    this.hosts(count, topology === 'router');
    const connect = LETTERS.slice(0, count);
    const port = topology === 'switch' && random.chance(0.5) ? this.port() : null;
    if (topology === 'link') this.links([['a', 'b']]);
    else if (topology === 'router') this.links(connect.slice(1).map((name, i) => [`a.eth${i}`, name]));
    else if (topology === 'hub') {
      this.lines.push(
        `hubs: { hub: { connect: [${connect.join(', ')}], rate: ${this.pick(['10Mbit', '100Mbit'])}, delay: ${this.between(0, 5)}us } }`,
      );
    } else this.switched(connect, port !== null);
    if (port !== null) this.lines.push(port);
    this.traffic(count);
    return `${this.lines.join('\n')}\n`;
  }

  private hosts(count: number, routed: boolean): void {
    this.lines.push('hosts:');
    for (let i = 0; i < count; i++) {
      const router = routed && i === 0;
      const iopkt = this.random.chance(0.4);
      const nics = Array.from({ length: router ? count - 1 : 1 }, (_, n) => {
        if (router) return this.nic(`10.${n + 1}.0.1/24`, iopkt);
        return this.nic(routed ? `10.${i}.0.2/24` : `10.0.0.${i + 1}/24`, iopkt);
      });
      const rest = [`profile: ${this.pick(['ideal', 'x86-desktop', 'low-power'])}`];
      if (iopkt) rest.push('stack: io-pkt', ...this.drivers(nics.join()), ...this.faults());
      if (!(iopkt && router) && this.random.chance(0.3)) rest.push('mbufs: 640', 'clusters: 160');
      if (router) rest.push('forward: true');
      else if (routed) rest.push(`gateway: 10.${i}.0.1`);
      this.lines.push(`  ${LETTERS[i]}: { ${rest.join(', ')}, nics: [${nics.join(', ')}] }`);
    }
  }

  /** Now and then those of io-net, for the cards there are. */
  private drivers(nics: string): string[] {
    if (this.random.chance(0.6)) return [];
    const drivers: string[] = [];
    if (nics.includes('chip: am79')) drivers.push(this.pick(['pcn', 'devn-pcnet.so']));
    if (nics.includes('chip: i82')) drivers.push(this.pick(['speedo', 'devn-speedo.so']));
    return [`drivers: [${drivers.join(', ')}]`];
  }

  /** Of an io-pkt's drivers, now and then. */
  private faults(): string[] {
    if (this.random.chance(0.8)) return [];
    const entry = this.pick(['start', 'process_interrupt', 'ioctl', 'hook']);
    return [`faults: [{ in: ${entry}, at: ${this.between(2000, 2300)}ms }]`];
  }

  private nic(address: string, iopkt: boolean): string {
    if (iopkt) {
      const chip = this.pick(['am79c970a', 'am79c973', 'i82557b', 'i82558b', 'i82559er', 'i82551']);
      const qdisc = this.random.chance(0.3) ? ', qdisc: pfifo_fast' : '';
      return `{ address: ${address}, chip: ${chip}, negotiation: 1ms${qdisc}, promiscuous: ${this.random.chance(0.2)} }`;
    }
    const driver = [
      `napi: ${this.random.chance(0.7)}`,
      `rxRing: ${this.pick([2, 4, 16, 64])}`,
      `txRing: ${this.pick([4, 16, 64])}`,
      `copybreak: ${this.pick([0, 64, 200])}`,
      `softwareStyle: ${this.pick([0, 2, 3])}`,
    ];
    const chip = this.pick(['am79c970a', 'am79c973']);
    return `{ address: ${address}, chip: ${chip}, negotiation: 1ms, qdisc: ${this.pick(['pfifo_fast', 'none'])}, promiscuous: ${this.random.chance(0.2)}, driver: { name: pcnet32, ${driver.join(', ')} } }`;
  }

  private links(pairs: string[][]): void {
    this.lines.push('links:');
    pairs.forEach((pair, i) => {
      this.lines.push(`  w${i}: ${this.link(pair)}`);
    });
  }

  private link(pair: string[]): string {
    const parts = [
      `between: [${pair.join(', ')}]`,
      `rate: ${this.pick(['10Mbit', '100Mbit', 'unlimited'])}`,
      `delay: ${this.between(0, 2000)}us`,
    ];
    if (!parts[1].includes('unlimited') && this.random.chance(0.3)) parts.push('duplex: half');
    if (this.random.chance(0.7)) {
      parts.push(`impair: { forth: ${this.impairment()}, back: ${this.impairment()} }`);
    }
    if (this.random.chance(0.4)) {
      parts.push(
        `flap: { firstDown: ${this.between(260, 400)}ms, down: ${this.between(1, 30)}ms, up: ${this.between(1, 60)}ms, times: ${this.between(1, 4)} }`,
      );
    }
    return `{ ${parts.join(', ')} }`;
  }

  private impairment(): string {
    const all = [
      `loss: ${this.between(1, 30)}%`,
      `gilbertElliott: { p: ${this.between(1, 10)}%, r: 30%, h: 10% }`,
      `corruption: { probability: ${this.between(1, 20)}%, bits: ${this.between(1, 4)} }`,
      `duplication: ${this.between(1, 20)}%`,
      `reordering: { probability: ${this.between(1, 20)}%, gap: ${this.between(1, 5)}, delay: 3ms }`,
      `delay: { base: ${this.between(0, 3)}ms, jitter: ${this.between(0, 2)}ms, keepOrder: ${this.random.chance(0.5)} }`,
      `rateLimit: { rate: ${this.between(1, 20)}Mbit, queue: ${this.between(1, 50)}, burst: 3000 }`,
    ];
    const some = all.filter((part) => !part.startsWith('gilbert') && this.random.chance(0.3));
    return `{ ${(some.length === 0 ? [all[1]] : some).join(', ')} }`;
  }

  /** Some hosts by cables of their own with something wrong with them. */
  private switched(connect: string[], port: boolean): void {
    const byLink = connect.filter(() => this.random.chance(0.4));
    const rest = connect.filter((name) => !byLink.includes(name));
    if (port) rest.push('port');
    this.lines.push(
      `switches: { sw: { connect: [${rest.join(', ')}], rate: ${this.pick(['10Mbit', '100Mbit'])}, delay: ${this.between(0, 50)}us, queue: ${this.between(1, 64)} } }`,
    );
    if (byLink.length > 0) this.links(byLink.map((name) => [name, 'sw']));
  }

  private port(): string {
    const to = this.pick(['a', 'b']);
    if (this.random.chance(0.5)) {
      return `ports: { port: { kind: generator, rate: ${this.between(1, 30)}kpps, size: ${this.pick([60, 300, 1514])}, to: ${to} } }`;
    }
    return `ports: { port: { kind: replay, file: lengths, to: ${to}, destination: rewrite, pace: ${this.between(1, 20)}kpps, loops: forever } }`;
  }

  private traffic(count: number): void {
    this.lines.push('traffic:');
    const flows = this.between(1, 4);
    for (let i = 0; i < flows; i++) {
      const from = this.random.below(count);
      const to = (from + 1 + this.random.below(count - 1)) % count;
      // A router has several cards; its first is as good as any.
      const ends = `from: ${LETTERS[from]}, to: ${LETTERS[to]}.eth0`;
      this.lines.push(
        this.random.chance(0.4)
          ? `  - { kind: ping, ${ends}, interval: ${this.between(1, 20)}ms, size: ${this.between(16, 1400)} }`
          : `  - { kind: udp, ${ends}, rate: ${this.between(1, 150) * 100}pps, size: ${this.between(16, 1472)} }`,
      );
    }
  }

  private pick<T>(choices: readonly T[]): T {
    return choices[this.random.below(choices.length)];
  }

  /** A whole number, both ends included. */
  private between(least: number, most: number): number {
    return least + this.random.below(most - least + 1);
  }
}

/** The same text for the same seed. A replay in it reads a file called `lengths`. */
export function randomLab(seed: number): string {
  return new LabMaker(seed).text(seed);
}
