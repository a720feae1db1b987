// What a DHCP server answers, and where to: RFC 2131, 4.1 and table 3.
//
//   relayed (giaddr) ──► the relay's server port       NAK ────────────► all stations
//   has an address   ──► ciaddr                        broadcast flag ──► all stations
//   has none yet     ──► yiaddr, at its hardware address: it cannot answer ARP

import type { NetDevice } from '../net/device.ts';
import { formatAddress, INADDR_BROADCAST } from './address.ts';
import { type DhcpSettings, INFINITE_LEASE } from './dhcp-options.ts';
import {
  BOOTREPLY,
  buildDhcp,
  bytesOf,
  DHCP_BROADCAST,
  DHCP_MAX_BYTES,
  DHCP_SERVER_PORT,
  DHCPNAK,
  DHCPOFFER,
  type DhcpMessage,
  type DhcpOptions,
  OPTION_BOOT_FILE,
  OPTION_CLIENT_ID,
  OPTION_LEASE_TIME,
  OPTION_MASK,
  OPTION_MAX_SIZE,
  OPTION_MESSAGE,
  OPTION_PARAMETERS,
  OPTION_REBINDING_TIME,
  OPTION_RELAY_AGENT,
  OPTION_RENEWAL_TIME,
  OPTION_SERVER_ID,
  OPTION_TFTP_SERVER,
  OPTION_USER_CLASS,
  optionBytes,
  textOf,
  wordsOf,
} from './dhcp-packet.ts';
import { BOOTPC_PORT, IP_HLEN } from './ipv4.ts';
import type { Route } from './route.ts';
import type { InetStack } from './stack.ts';
import { UDP_HLEN } from './udp.ts';
import type { UdpSocket } from './udp-socket.ts';

/** Bytes of a message before its options, and of their end. */
const FRAME_BYTES = 241;

export class DhcpReplies {
  private readonly stack: InetStack;
  private readonly socket: UdpSocket;
  private readonly settings: DhcpSettings;
  private readonly via: Route;
  private readonly scratch: Uint8Array;

  constructor(stack: InetStack, socket: UdpSocket, device: NetDevice, settings: DhcpSettings) {
    this.stack = stack;
    this.socket = socket;
    this.settings = settings;
    const { address, network, mask } = settings;
    this.via = { network, mask, prefix: 0, gateway: 0, device, source: address };
    this.scratch = new Uint8Array(Math.max(DHCP_MAX_BYTES, device.mtu - IP_HLEN - UDP_HLEN));
  }

  /** An OFFER or ACK of `address` (0: without a lease) for `seconds`. False: it could not be sent. */
  send(type: number, request: DhcpMessage, address: number, seconds: number): boolean {
    const bootFile = this.bootFileFor(request);
    const options = this.frameOptions(request);
    if (options === null) return false;
    const room = new OptionRoom(options, this.limit(request));
    if (address !== 0) {
      room.add(OPTION_LEASE_TIME, wordsOf(seconds));
      // Halfway, and at seven eighths (RFC 2131, 4.4.5).
      if (seconds !== INFINITE_LEASE) {
        room.add(OPTION_RENEWAL_TIME, wordsOf(Math.floor(seconds / 2)));
        room.add(OPTION_REBINDING_TIME, wordsOf(Math.floor((seconds * 7) / 8)));
      }
    }
    const wanted = request.options.get(OPTION_PARAMETERS) ?? null;
    for (const [code, value] of this.settings.parameters) {
      if (code === OPTION_MASK || wanted === null || wanted.includes(code)) room.add(code, value);
    }
    if (bootFile !== '' && wanted?.includes(OPTION_BOOT_FILE) === true)
      room.add(OPTION_BOOT_FILE, bytesOf(bootFile));
    if (bootFile !== '' && wanted?.includes(OPTION_TFTP_SERVER) === true)
      room.add(
        OPTION_TFTP_SERVER,
        bytesOf(this.settings.serverName || formatAddress(this.settings.nextServer)),
      );
    return this.transmit({
      ...this.frame(request, type, options),
      ciaddr: type === DHCPOFFER ? 0 : request.ciaddr,
      yiaddr: address,
      siaddr: bootFile === '' ? 0 : this.settings.nextServer,
      sname: this.settings.serverName,
      file: bootFile,
    });
  }

  /** A refusal that says why. False: it could not be sent. */
  nak(request: DhcpMessage, why: string): boolean {
    const options = this.frameOptions(request);
    if (options === null) return false;
    new OptionRoom(options, this.limit(request)).add(OPTION_MESSAGE, bytesOf(why));
    const frame = this.frame(request, DHCPNAK, options);
    // A relay must not send it to the address that the client is not to have.
    if (frame.giaddr !== 0) frame.flags |= DHCP_BROADCAST;
    return this.transmit(frame);
  }

  private frame(request: DhcpMessage, type: number, options: DhcpOptions): DhcpMessage {
    const { htype, xid, flags, giaddr, chaddr } = request;
    const none = { hops: 0, secs: 0, ciaddr: 0, yiaddr: 0, siaddr: 0, sname: '', file: '' };
    return {
      op: BOOTREPLY,
      htype,
      xid,
      flags: flags & DHCP_BROADCAST,
      giaddr,
      chaddr,
      type,
      options,
      ...none,
    };
  }

  /** What every answer has; null: what the client wants back leaves no room. */
  private frameOptions(request: DhcpMessage): DhcpOptions | null {
    const options: DhcpOptions = new Map([[OPTION_SERVER_ID, wordsOf(this.settings.address)]]);
    const room = new OptionRoom(options, this.limit(request));
    const client = request.options.get(OPTION_CLIENT_ID);
    const agent = request.giaddr === 0 ? undefined : request.options.get(OPTION_RELAY_AGENT);
    if (client !== undefined && !room.add(OPTION_CLIENT_ID, client)) return null;
    if (agent !== undefined && !room.add(OPTION_RELAY_AGENT, agent)) return null;
    return options;
  }

  /** Bytes of a message to this client: 548 unless it takes more and the link does. */
  private limit(request: DhcpMessage): number {
    const value = request.options.get(OPTION_MAX_SIZE);
    const datagram = value === undefined ? 0 : (value[0] << 8) | value[1];
    return Math.min(Math.max(DHCP_MAX_BYTES, datagram - IP_HLEN - UDP_HLEN), this.scratch.length);
  }

  private bootFileFor(request: DhcpMessage): string {
    const userClass = request.options.get(OPTION_USER_CLASS);
    // iPXE sends the name bare, without RFC 3004's length before it.
    const isIpxe = userClass !== undefined && textOf(userClass).endsWith('iPXE');
    return isIpxe ? this.settings.ipxeBootFile : this.settings.bootFile;
  }

  private transmit(message: DhcpMessage): boolean {
    const length = buildDhcp(message, this.scratch);
    const { machine, udp } = this.stack;
    const m = udp.alloc(length);
    if (m === null) return false;
    machine.mbufs.copyback(m, 0, this.scratch, 0, length);
    const { socket, via } = this;
    if (message.giaddr !== 0) return socket.sendPacket(m, message.giaddr, DHCP_SERVER_PORT);
    if (message.type === DHCPNAK) return socket.sendVia(m, via, INADDR_BROADCAST, BOOTPC_PORT, null);
    if (message.ciaddr !== 0) return socket.sendPacket(m, message.ciaddr, BOOTPC_PORT);
    if ((message.flags & DHCP_BROADCAST) !== 0)
      return socket.sendVia(m, via, INADDR_BROADCAST, BOOTPC_PORT, null);
    return socket.sendVia(m, via, message.yiaddr, BOOTPC_PORT, message.chaddr);
  }
}

/** Options as long as there is room: what does not fit is left out, the most needed come first. */
class OptionRoom {
  private readonly options: DhcpOptions;
  private left: number;

  constructor(options: DhcpOptions, limit: number) {
    this.options = options;
    this.left = limit - FRAME_BYTES - optionBytes(1);
    for (const value of options.values()) this.left -= optionBytes(value.length);
  }

  add(code: number, value: Uint8Array): boolean {
    const bytes = optionBytes(value.length);
    if (bytes > this.left) return false;
    this.left -= bytes;
    this.options.set(code, value);
    return true;
  }
}
