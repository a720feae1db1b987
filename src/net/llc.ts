// LLC, IEEE 802.2 class 1: what is in frames whose type field is a length, and SNAP (RFC 1042). Unnumbered information
// only: XID and TEST are not answered, connections (class 2) not made.
//
//   0      1      2         3              6          8
//   +------+------+---------+--------------+----------+---------
//   | DSAP | SSAP | control | OUI          | type     | payload        OUI and type: SNAP, when DSAP and SSAP are AA
//   +------+------+---------+--------------+----------+---------
//
// A SNAP packet goes to whoever registered for its type with SNAP, else through the table of packet types as if it had come
// in an Ethernet II frame. It cannot come back here: types below 0x600, the pseudo types among them, are refused.

import type { Mbuf } from '../mbuf/mbuf.ts';
import { PACKET_OTHERHOST } from '../mbuf/mbuf.ts';
import type { NetDevice } from './device.ts';
import { DROP_LLC_INVALID, DROP_LLC_NOSAP, DROP_OTHERHOST, DROP_PROTO_MEM } from './drop-reason.ts';
import { ETH_P_802_2, ETH_P_802_3_MIN } from './ether.ts';
import type { DeviceLayer } from './layer.ts';

export const LLC_HLEN = 3;
export const SNAP_HLEN = 5;
/** Service access points, as IEEE assigns them. */
export const LLC_SAP_STP = 0x42;
export const LLC_SAP_SNAP = 0xaa;
export const LLC_SAP_IPX = 0xe0;
/** Unnumbered information, with the poll/final bit off. */
export const LLC_UI = 0x03;

/** Takes a packet whose data starts behind the LLC (and SNAP) header. */
export type LlcHandler = (m: Mbuf, device: NetDevice) => void;

export interface LlcCounters {
  received: number;
  /** Given to a SAP's or a SNAP type's handler, and to the table of packet types. */
  delivered: number;
  redelivered: number;
  dropped: number;
  /** Spanning tree BPDUs: nobody here bridges, so they are dropped, but people want to know they are there. */
  bpdus: number;
}

export class Llc {
  readonly counters: LlcCounters = { received: 0, delivered: 0, redelivered: 0, dropped: 0, bpdus: 0 };
  private readonly layer: DeviceLayer;
  private readonly saps: (LlcHandler | null)[] = new Array(256).fill(null);
  private readonly snapTypes = new Map<number, LlcHandler>();

  /** Registers itself for 802.2 frames. */
  constructor(layer: DeviceLayer) {
    this.layer = layer;
    layer.packetTypes.add({
      name: '802.2',
      type: ETH_P_802_2,
      device: null,
      receive: (m, device) => this.receive(m, device),
    });
  }

  /** Who takes frames to a service access point; null for nobody. */
  setSap(sap: number, handler: LlcHandler | null): void {
    this.saps[sap] = handler;
  }

  /** Who takes SNAP frames of an Ethernet type, in place of the table of packet types; null for nobody. */
  setSnapType(type: number, handler: LlcHandler | null): void {
    if (handler === null) this.snapTypes.delete(type);
    else this.snapTypes.set(type, handler);
  }

  private receive(received: Mbuf, device: NetDevice): void {
    const { machine } = this.layer;
    const { cpu, mbufs } = machine;
    cpu.charge(cpu.profile.layer);
    this.counters.received++;
    if (received.packetType === PACKET_OTHERHOST) {
      this.drop(received, device, DROP_OTHERHOST);
      return;
    }
    if (received.packetLength < LLC_HLEN) {
      this.drop(received, device, DROP_LLC_INVALID);
      return;
    }
    const wanted = Math.min(received.packetLength, LLC_HLEN + SNAP_HLEN);
    const m = received.length >= wanted ? received : mbufs.pullup(received, wanted);
    if (m === null) {
      this.counters.dropped++;
      device.drops[DROP_PROTO_MEM]++;
      return;
    }
    const { u8 } = machine.memory;
    const dsap = u8[m.data];
    // A group DSAP (odd) is nobody's here; XID, TEST and class 2 come with other control fields.
    if (u8[m.data + 2] !== LLC_UI) {
      this.drop(m, device, DROP_LLC_INVALID);
      return;
    }
    if (dsap === LLC_SAP_SNAP) {
      this.snap(m, device);
      return;
    }
    if (dsap === LLC_SAP_STP) this.counters.bpdus++;
    const handler = this.saps[dsap];
    if (handler === null) {
      this.drop(m, device, DROP_LLC_NOSAP);
      return;
    }
    mbufs.adj(m, LLC_HLEN);
    this.counters.delivered++;
    handler(m, device);
  }

  private snap(m: Mbuf, device: NetDevice): void {
    const { u8 } = this.layer.machine.memory;
    const at = m.data;
    if (m.packetLength < LLC_HLEN + SNAP_HLEN || u8[at + 1] !== LLC_SAP_SNAP) {
      this.drop(m, device, DROP_LLC_INVALID);
      return;
    }
    const oui = (u8[at + 3] << 16) | (u8[at + 4] << 8) | u8[at + 5];
    const type = (u8[at + 6] << 8) | u8[at + 7];
    if (oui !== 0) {
      this.drop(m, device, DROP_LLC_NOSAP);
      return;
    }
    if (type < ETH_P_802_3_MIN) {
      this.drop(m, device, DROP_LLC_INVALID);
      return;
    }
    this.layer.machine.mbufs.adj(m, LLC_HLEN + SNAP_HLEN);
    m.protocol = type;
    const handler = this.snapTypes.get(type);
    if (handler !== undefined) {
      this.counters.delivered++;
      handler(m, device);
    } else if (this.layer.handUp(m, device)) this.counters.redelivered++;
    else this.drop(m, device, DROP_LLC_NOSAP);
  }

  private drop(m: Mbuf, device: NetDevice, reason: number): void {
    this.counters.dropped++;
    device.drop(m, reason);
  }
}
