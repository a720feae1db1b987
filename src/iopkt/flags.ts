// Interface flags, link states and capabilities: NetBSD's numbers (net/if.h, net/if_ether.h). IFF_SHIM is io-pkt's.

export const IFF_UP = 0x0001;
export const IFF_BROADCAST = 0x0002;
export const IFF_DEBUG = 0x0004;
export const IFF_LOOPBACK = 0x0008;
export const IFF_POINTOPOINT = 0x0010;
export const IFF_RUNNING = 0x0040;
export const IFF_NOARP = 0x0080;
export const IFF_PROMISC = 0x0100;
export const IFF_ALLMULTI = 0x0200;
export const IFF_OACTIVE = 0x0400;
export const IFF_SIMPLEX = 0x0800;
export const IFF_LINK0 = 0x1000;
export const IFF_LINK1 = 0x2000;
export const IFF_LINK2 = 0x4000;
export const IFF_MULTICAST = 0x8000;
/** An io-net driver is behind it. */
export const IFF_SHIM = 0x10000;

/** Not to be changed by SIOCSIFFLAGS. */
export const IFF_CANTCHANGE =
  IFF_BROADCAST |
  IFF_POINTOPOINT |
  IFF_RUNNING |
  IFF_OACTIVE |
  IFF_SIMPLEX |
  IFF_MULTICAST |
  IFF_ALLMULTI |
  IFF_PROMISC |
  IFF_SHIM;

/** Name and value, as ifconfig prints them. */
export const IFF_NAMES: readonly (readonly [string, number])[] = [
  ['UP', IFF_UP],
  ['BROADCAST', IFF_BROADCAST],
  ['DEBUG', IFF_DEBUG],
  ['LOOPBACK', IFF_LOOPBACK],
  ['POINTOPOINT', IFF_POINTOPOINT],
  ['RUNNING', IFF_RUNNING],
  ['NOARP', IFF_NOARP],
  ['PROMISC', IFF_PROMISC],
  ['ALLMULTI', IFF_ALLMULTI],
  ['OACTIVE', IFF_OACTIVE],
  ['SIMPLEX', IFF_SIMPLEX],
  ['LINK0', IFF_LINK0],
  ['LINK1', IFF_LINK1],
  ['LINK2', IFF_LINK2],
  ['MULTICAST', IFF_MULTICAST],
  ['SHIM', IFF_SHIM],
];

export const LINK_STATE_UNKNOWN = 0;
export const LINK_STATE_DOWN = 1;
export const LINK_STATE_UP = 2;

export const IFCAP_CSUM_IPv4 = 0x1;
export const IFCAP_CSUM_TCPv4 = 0x2;
export const IFCAP_CSUM_UDPv4 = 0x4;
export const IFCAP_CSUM_TCPv6 = 0x8;
export const IFCAP_CSUM_UDPv6 = 0x10;
export const IFCAP_TSOv4 = 0x80;
export const IFCAP_TSOv6 = 0x40000;

export const ETHERCAP_VLAN_MTU = 0x1;
export const ETHERCAP_VLAN_HWTAGGING = 0x2;
export const ETHERCAP_JUMBO_MTU = 0x4;

/** IFT_ETHER, and the type taps say. */
export const IFT_ETHER = 6;
export const DLT_EN10MB = 1;
