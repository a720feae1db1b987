// A station that sends UDP datagrams at a pace, straight onto a medium and at no host's cost: what a traffic generator
// beside the machine under test does. Each frame has a sequence number and the time it left, as inet/payload.ts lays down.

import { parseAddress, writeAddress } from '../inet/address.ts';
import { fillPattern, PAYLOAD_HEADER, writePayload } from '../inet/payload.ts';
import { type Clock, ClockEvent } from '../kernel/clock.ts';
import { foldChecksum, internetChecksum, sumWords } from '../net/checksum.ts';
import { ETH_HLEN, ETH_P_IP } from '../net/ether.ts';
import { FRAME_START, type Frame } from '../wire/frame.ts';
import { frameTimeNs, type Medium, type Station } from '../wire/medium.ts';
import type { Pace } from './units.ts';

export interface GeneratorOptions {
  clock: Clock;
  medium: Medium;
  pace: Pace;
  /** Length of a frame without FCS: 60 to 1514. */
  size: number;
  udpPort: number;
  to: { mac: Uint8Array; address: number };
  /** Number of the flow in the payload. */
  flow?: number;
}

const IP_HLEN = 20;
const UDP_HLEN = 8;
const PAYLOAD_AT = ETH_HLEN + IP_HLEN + UDP_HLEN;
const IPPROTO_UDP = 17;
/** TEST-NET-1 (RFC 5737): nobody is to answer. */
const SOURCE_ADDRESS = parseAddress('192.0.2.1');
const SOURCE_MAC = Uint8Array.of(0x02, 0, 0, 0xff, 0xff, 0x01);
const SOURCE_PORT = 9;
/** Frames sent in one go before other work of the clock gets its turn. */
const BURST = 64;

export class Generator implements Station {
  sent = 0;
  ended = true;
  private readonly options: GeneratorOptions;
  private readonly template: Uint8Array;
  /** Of the UDP checksum: all but the payload's header, which is zero in the template. */
  private readonly templateSum: number;
  private readonly gapNs: number;
  private readonly event: ClockEvent;
  private due = 0;
  private busy = false;
  private inSend = false;

  constructor(options: GeneratorOptions) {
    this.options = options;
    this.template = makeTemplate(options);
    this.templateSum = udpSum(this.template);
    const { pace, size } = options;
    if (pace === 'flat-out') this.gapNs = 0;
    else
      this.gapNs =
        'framesPerSecond' in pace ? 1e9 / pace.framesPerSecond : frameTimeNs(size, pace.bitsPerSecond);
    this.event = new ClockEvent('generator', () => this.send());
    options.medium.attach(this);
  }

  start(delayNs = 0): void {
    this.ended = false;
    this.due = this.options.clock.now() + delayNs;
    this.options.clock.arm(this.event, this.due);
  }

  stop(): void {
    this.ended = true;
    this.options.clock.cancel(this.event);
  }

  receive(frame: Frame): void {
    this.options.medium.pool.put(frame);
  }

  transmitted(): void {
    this.busy = false;
    if (!this.inSend) this.send();
  }

  carrierChanged(): void {}

  /** Sends what is due; on the system clock that may be more than one. */
  private send(): void {
    const { clock, medium } = this.options;
    this.inSend = true;
    for (let burst = 0; !this.ended && !this.busy; burst++) {
      const now = clock.now();
      if (this.due > now || burst === BURST) {
        clock.arm(this.event, Math.max(this.due, now));
        break;
      }
      this.due = this.gapNs === 0 ? now : this.due + this.gapNs;
      this.busy = true;
      medium.send(this.make(now));
    }
    this.inSend = false;
  }

  private make(nowNs: number): Frame {
    const { medium, flow = 0 } = this.options;
    const { template } = this;
    const frame = medium.pool.get(template.length);
    const { u8 } = frame;
    u8.set(template, FRAME_START);
    const at = FRAME_START + PAYLOAD_AT;
    writePayload(u8, at, flow, this.sent++, nowNs);
    const checksum = foldChecksum(sumWords(u8, at, PAYLOAD_HEADER, this.templateSum)) || 0xffff;
    u8[at - 2] = checksum >> 8;
    u8[at - 1] = checksum & 0xff;
    return frame;
  }
}

function makeTemplate(options: GeneratorOptions): Uint8Array {
  const { size, to, udpPort } = options;
  const u8 = new Uint8Array(size);
  u8.set(to.mac, 0);
  u8.set(SOURCE_MAC, 6);
  u8[12] = ETH_P_IP >> 8;
  u8[13] = ETH_P_IP & 0xff;
  const ip = ETH_HLEN;
  u8[ip] = 0x45;
  put16(u8, ip + 2, size - ETH_HLEN);
  u8[ip + 8] = 64;
  u8[ip + 9] = IPPROTO_UDP;
  writeAddress(u8, ip + 12, SOURCE_ADDRESS);
  writeAddress(u8, ip + 16, to.address);
  put16(u8, ip + 10, internetChecksum(u8, ip, IP_HLEN));
  const udp = ip + IP_HLEN;
  put16(u8, udp, SOURCE_PORT);
  put16(u8, udp + 2, udpPort);
  put16(u8, udp + 4, size - ETH_HLEN - IP_HLEN);
  fillPattern(u8, PAYLOAD_AT + PAYLOAD_HEADER, size - PAYLOAD_AT - PAYLOAD_HEADER, PAYLOAD_HEADER);
  return u8;
}

/** Pseudo header (RFC 768) and datagram. */
function udpSum(u8: Uint8Array): number {
  const udp = ETH_HLEN + IP_HLEN;
  const length = u8.length - udp;
  return sumWords(u8, udp, length, sumWords(u8, udp - 8, 8, IPPROTO_UDP + length));
}

function put16(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >> 8;
  u8[at + 1] = value & 0xff;
}
