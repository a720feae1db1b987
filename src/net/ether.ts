// Ethernet headers, addresses and type numbers (IEEE 802.3, section 3; types from the IEEE and IANA registries).
//
//   0            6            12          14
//   +------------+------------+-----------+---------
//   | dst 6      | src 6      | type/len  | payload      type/len below 0x600 is a length: an 802.3 frame
//   +------------+------------+-----------+---------

export const ETH_ALEN = 6;
export const ETH_HLEN = 14;
/** Shortest frame without FCS, longest payload, longest frame without FCS. */
export const ETH_ZLEN = 60;
export const ETH_DATA_LEN = 1500;
export const ETH_FRAME_LEN = 1514;
export const ETH_FCS_LEN = 4;
/** A type/length field below this is a length. */
export const ETH_P_802_3_MIN = 0x0600;

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_IPX = 0x8137;
/** @public */
export const ETH_P_IPV6 = 0x86dd;
/** VLAN tags, of 802.1Q and 802.1ad; they take four bytes. */
export const ETH_P_8021Q = 0x8100;
export const ETH_P_8021AD = 0x88a8;
export const VLAN_HLEN = 4;
/** Pseudo types, as Linux numbers them: raw IPX in 802.3, every packet, 802.2 frames. */
export const ETH_P_802_3 = 0x0001;
/** @public */
export const ETH_P_ALL = 0x0003;
export const ETH_P_802_2 = 0x0004;

export const BROADCAST_ADDRESS = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);

/** `02:00:00:00:00:01`. */
export function formatMac(address: Uint8Array): string {
  return Array.from(address.subarray(0, ETH_ALEN), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Six bytes from `02:00:00:00:00:01`; throws on anything else. */
export function parseMac(text: string): Uint8Array {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) {
    throw new Error(`"${text}" is not an Ethernet address: six hex pairs are wanted, like 02:00:00:00:00:01`);
  }
  return Uint8Array.from(text.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** A station address may be neither zero nor a group address (is_valid_ether_addr). */
export function isValidStation(address: Uint8Array): boolean {
  return address.length === ETH_ALEN && (address[0] & 1) === 0 && address.some((byte) => byte !== 0);
}
