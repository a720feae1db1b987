// The management registers of a 10/100 Mb/s PHY: IEEE 802.3-2002 clause 22.2.4 (basic and extended registers) and
// clause 28.2.4 (auto-negotiation). Registers above 6 belong to the maker and are left out.

export const MII = {
  BMCR: 0, // control
  BMSR: 1, // status
  PHYID1: 2, // identifier: OUI bits 3 to 18
  PHYID2: 3, // identifier: OUI bits 19 to 24, model, revision
  ANAR: 4, // what this PHY advertises
  ANLPAR: 5, // what the link partner advertised
  ANER: 6, // auto-negotiation expansion
} as const;

/** Register 0: control (22.2.4.1). */
export const BMCR = {
  RESET: 0x8000, // resets the PHY; clears itself
  LOOPBACK: 0x4000, // what is sent comes back; nothing reaches the medium
  SPEED: 0x2000, // 100 Mb/s, when not negotiated
  ANENABLE: 0x1000, // negotiate
  POWERDOWN: 0x0800, // only management works
  ISOLATE: 0x0400, // off the MII; only management works
  ANRESTART: 0x0200, // negotiate again; clears itself
  DUPLEX: 0x0100, // full duplex, when not negotiated
  COLTEST: 0x0080, // collision test
} as const;

/** Register 1: status (22.2.4.2). */
export const BMSR = {
  T4: 0x8000, // can do 100BASE-T4
  TXFD: 0x4000, // can do 100BASE-TX full duplex
  TX: 0x2000, // can do 100BASE-TX
  T10FD: 0x1000, // can do 10BASE-T full duplex
  T10: 0x0800, // can do 10BASE-T
  MFPS: 0x0040, // management frames need no preamble
  ANCOMP: 0x0020, // negotiation is complete
  RFAULT: 0x0010, // remote fault; latches until read
  ANEG: 0x0008, // can negotiate
  LINK: 0x0004, // link is up; a loss latches until read
  JABBER: 0x0002, // jabber; latches until read
  EXTCAP: 0x0001, // has registers above 1
} as const;

/** Registers 4 and 5: link code word (28.2.4.1.3 and 28.2.4.1.4). */
export const ANAR = {
  NP: 0x8000, // next page
  ACK: 0x4000, // the partner's word was received
  RFAULT: 0x2000, // remote fault
  ASMDIR: 0x0800, // asymmetric pause
  PAUSE: 0x0400, // pause
  T4: 0x0200, // 100BASE-T4
  TXFD: 0x0100, // 100BASE-TX full duplex
  TX: 0x0080, // 100BASE-TX
  T10FD: 0x0040, // 10BASE-T full duplex
  T10: 0x0020, // 10BASE-T
  SELECTOR: 0x001f, // 1 is IEEE 802.3
} as const;

/** Register 6: expansion (28.2.4.1.5). */
export const ANER = {
  PDF: 0x0010, // parallel detection fault
  LPNPABLE: 0x0008, // partner can do next pages
  NPABLE: 0x0004, // this PHY can do next pages
  PAGERX: 0x0002, // a page was received; latches until read
  LPANABLE: 0x0001, // partner can negotiate
} as const;
