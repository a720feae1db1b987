// Why packets are dropped. Each drop names one of these; the names follow the kernel's skb_drop_reason.

/** @public */
export const DROP_NOT_SPECIFIED = 0;
export const DROP_DEV_READY = 1;
export const DROP_NO_CARRIER = 2;
export const DROP_QUEUE_STOPPED = 3;
export const DROP_QDISC_DROP = 4;
export const DROP_QDISC_RESET = 5;
export const DROP_TX_ERROR = 6;
export const DROP_TX_TIMEOUT = 7;
export const DROP_NOMEM = 8;
export const DROP_PKT_TOO_BIG = 9;
export const DROP_PKT_TOO_SMALL = 10;
export const DROP_CPU_BACKLOG = 11;
export const DROP_UNHANDLED_PROTO = 12;
export const DROP_OTHERHOST = 13;
export const DROP_IP_INHDR = 14;
export const DROP_IP_CSUM = 15;
export const DROP_IP_FRAGMENT = 16;
export const DROP_IP_NOPROTO = 17;
export const DROP_NO_ROUTE = 18;
export const DROP_TTL_EXCEEDED = 19;
export const DROP_ICMP_CSUM = 20;
export const DROP_UDP_CSUM = 21;
export const DROP_NO_SOCKET = 22;
export const DROP_SOCKET_RCVBUFF = 23;
export const DROP_ARP_INVALID = 24;
export const DROP_NEIGH_FAILED = 25;
export const DROP_NEIGH_QUEUEFULL = 26;
export const DROP_LLC_INVALID = 27;
export const DROP_PKT_TOO_SHORT = 28;
export const DROP_PROTO_MEM = 29;
export const DROP_HDR_TRUNC = 30;
export const DROP_IP_INADDRERRORS = 31;
export const DROP_IP_INVALID_SOURCE = 32;
export const DROP_IP_NEEDFRAG = 33;
export const DROP_LLC_NOSAP = 34;
export const DROP_IPX_INVALID = 35;
export const DROP_NEIGH_TABLEFULL = 36;
/** One of several takers of a packet went without: there was no buffer for its copy. */
export const DROP_COPY_NOMEM = 37;
/** What ether_input of the BSDs refuses: the interface is not up, longer than its MTU, one's own frame come back. */
export const DROP_IF_DOWN = 38;
export const DROP_IF_TOO_BIG = 39;
export const DROP_IF_OWN_FRAME = 40;
/** An action of tc's dropped it, on its way in or out. */
export const DROP_TC_INGRESS = 41;
export const DROP_TC_EGRESS = 42;
/** Redirected from device to device too often: on its way out of the last one, and into it. */
export const DROP_REDIRECT_LOOP = 43;
export const DROP_REDIRECT_LOOP_IN = 44;
/** It could not be cut into segments: strange headers, or no buffer. */
export const DROP_SKB_GSO_SEG = 45;

/** Name and whose account it is on: the way in (device layer), the protocols, or the way out. */
export const DROP_REASONS = [
  { name: 'NOT_SPECIFIED', side: 'protocol' },
  { name: 'DEV_READY', side: 'transmit' },
  { name: 'NO_CARRIER', side: 'transmit' },
  { name: 'QUEUE_STOPPED', side: 'transmit' },
  { name: 'QDISC_DROP', side: 'transmit' },
  { name: 'QDISC_RESET', side: 'transmit' },
  { name: 'TX_ERROR', side: 'transmit' },
  { name: 'TX_TIMEOUT', side: 'transmit' },
  { name: 'NOMEM', side: 'transmit' },
  { name: 'PKT_TOO_BIG', side: 'transmit' },
  { name: 'PKT_TOO_SMALL', side: 'receive' },
  { name: 'CPU_BACKLOG', side: 'receive' },
  { name: 'UNHANDLED_PROTO', side: 'receive' },
  { name: 'OTHERHOST', side: 'protocol' },
  { name: 'IP_INHDR', side: 'protocol' },
  { name: 'IP_CSUM', side: 'protocol' },
  { name: 'IP_FRAGMENT', side: 'protocol' },
  { name: 'IP_NOPROTO', side: 'protocol' },
  { name: 'NO_ROUTE', side: 'protocol' },
  { name: 'TTL_EXCEEDED', side: 'protocol' },
  { name: 'ICMP_CSUM', side: 'protocol' },
  { name: 'UDP_CSUM', side: 'protocol' },
  { name: 'NO_SOCKET', side: 'protocol' },
  { name: 'SOCKET_RCVBUFF', side: 'protocol' },
  { name: 'ARP_INVALID', side: 'protocol' },
  { name: 'NEIGH_FAILED', side: 'protocol' },
  { name: 'NEIGH_QUEUEFULL', side: 'protocol' },
  { name: 'LLC_INVALID', side: 'protocol' },
  { name: 'PKT_TOO_SHORT', side: 'transmit' },
  { name: 'PROTO_MEM', side: 'protocol' },
  { name: 'HDR_TRUNC', side: 'protocol' },
  { name: 'IP_INADDRERRORS', side: 'protocol' },
  { name: 'IP_INVALID_SOURCE', side: 'protocol' },
  { name: 'IP_NEEDFRAG', side: 'protocol' },
  { name: 'LLC_NOSAP', side: 'protocol' },
  { name: 'IPX_INVALID', side: 'protocol' },
  { name: 'NEIGH_TABLEFULL', side: 'protocol' },
  { name: 'COPY_NOMEM', side: 'protocol' },
  { name: 'IF_DOWN', side: 'receive' },
  { name: 'IF_TOO_BIG', side: 'receive' },
  { name: 'IF_OWN_FRAME', side: 'receive' },
  { name: 'TC_INGRESS', side: 'receive' },
  { name: 'TC_EGRESS', side: 'transmit' },
  { name: 'REDIRECT_LOOP', side: 'transmit' },
  { name: 'REDIRECT_LOOP_IN', side: 'receive' },
  { name: 'SKB_GSO_SEG', side: 'transmit' },
] as const;
