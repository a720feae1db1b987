// A 10/100 Mb/s PHY behind an MII, after IEEE 802.3-2002 clauses 22 and 28. Whoever owns it (a MAC model) reads and
// writes its registers, tells it that the medium's carrier changed, and hears of the link by onLinkChange.
// On a cable whose ends negotiate the partner is the PHY at the other end (negotiator.ts); on any other medium one that
// negotiates and can do what the medium can.
// Left out: next pages, pause resolution, 100BASE-T4, remote fault signalling, the maker's registers.

import { restoreTimer, timerLeft } from '../../bus/state.ts';
import { type Clock, ClockEvent } from '../../kernel/clock.ts';
import type { LinkOffer, Medium } from '../../wire/medium.ts';
import { FULL_DUPLEX_MODES, halfDuplexOf, rateOf } from '../../wire/negotiation.ts';
import { Negotiator } from './negotiator.ts';
import { mediumChanged, type PhyState, readPhyState, saveMedium } from './save.ts';
import { ANAR, ANER, BMCR, BMSR, MII } from './sheet.ts';

/**
 * From the start of a negotiation to a link: break_link_timer, 1.2 to 1.5 s of silence so that the partner's link fails
 * too (28.3.2), then a few bursts of link pulses 16 ms apart and the link coming up, together about 0.3 s.
 */
const NEGOTIATION_NS = 1_650_000_000;
/** A PHY is given 0.5 s to come out of reset (22.2.4.1.1); real ones take well under a millisecond. */
const RESET_NS = 500_000;
/** A link without negotiation comes up when idle symbols were seen for a while: 330 to 1000 us (24.2.3.2). */
const FORCED_LINK_NS = 500_000;

/** The share of it that is silence. */
const BREAK_SHARE = 0.8;

const ABILITIES = ANAR.TXFD | ANAR.TX | ANAR.T10FD | ANAR.T10;
/** From the modes of a `LinkOffer` to ANAR and ANLPAR. */
const MODES_SHIFT = 5;
const SELECTOR_802_3 = 0x0001;
const BMCR_AFTER_RESET = BMCR.SPEED | BMCR.ANENABLE | BMCR.DUPLEX;
const BMCR_WRITABLE = 0x7d80;
const BMSR_ABILITIES = BMSR.TXFD | BMSR.TX | BMSR.T10FD | BMSR.T10 | BMSR.MFPS | BMSR.ANEG | BMSR.EXTCAP;
/** Everything but acknowledge and the reserved bit 12. */
const ANAR_WRITABLE = 0xafff;

export interface PhyOptions {
  /** PHYID1 and PHYID2. */
  id1: number;
  id2: number;
  /** Time a negotiation takes in ns. */
  negotiationNs?: number;
  /** Time a reset takes in ns. 0: it is over before the next management frame. */
  resetNs?: number;
}

/** What the PHY tells its MAC. */
export interface PhyLink {
  up: boolean;
  /** 10 or 100 million; 0 while the link is down. */
  bitsPerSecond: number;
  fullDuplex: boolean;
}

export class Phy {
  readonly link: PhyLink = { up: false, bitsPerSecond: 0, fullDuplex: false };
  /** Called after `link` changed. */
  onLinkChange: () => void = () => {};

  private readonly clock: Clock;
  private readonly medium: Medium;
  private readonly id1: number;
  private readonly id2: number;
  private readonly negotiationNs: number;
  private readonly resetNs: number;
  /** The one timer: end of reset, of a negotiation, or of the wait for a forced link. */
  private readonly timer: ClockEvent;
  /** Null: the medium has a rate of its own. */
  private readonly negotiator: Negotiator | null;
  private resetting = false;
  private control = BMCR_AFTER_RESET;
  private advertised = ABILITIES | SELECTOR_802_3;
  private partner = 0;
  private negotiated = false;
  private pageReceived = false;
  /** A link loss that nobody has read yet. */
  private lossLatched = true;

  constructor(clock: Clock, medium: Medium, options: PhyOptions) {
    this.clock = clock;
    this.medium = medium;
    this.id1 = options.id1;
    this.id2 = options.id2;
    this.negotiationNs = options.negotiationNs ?? NEGOTIATION_NS;
    this.resetNs = options.resetNs ?? RESET_NS;
    this.timer = new ClockEvent('phy', () => this.timeout());
    this.negotiator =
      medium.partner === undefined
        ? null
        : new Negotiator(medium, {
            wait: (listening) => this.await(listening),
            settled: (mode, partner) => this.settled(mode, partner),
            again: () => this.begin(),
          });
    this.begin();
  }

  /** Nothing passes between MAC and medium: powered down, isolated or in reset. */
  get silent(): boolean {
    return this.resetting || (this.control & (BMCR.POWERDOWN | BMCR.ISOLATE)) !== 0;
  }

  /** What the MAC sends comes back to it and goes nowhere else. */
  get loopback(): boolean {
    return (this.control & BMCR.LOOPBACK) !== 0;
  }

  /** The state after power on, at once: the hardware reset pin. */
  reset(): void {
    this.resetting = false;
    this.defaults();
    this.begin();
  }

  save(): PhyState {
    const { link } = this;
    return {
      id1: this.id1,
      id2: this.id2,
      resetting: this.resetting,
      control: this.control,
      advertised: this.advertised,
      partner: this.partner,
      negotiated: this.negotiated,
      pageReceived: this.pageReceived,
      lossLatched: this.lossLatched,
      linkUp: link.up,
      bitsPerSecond: link.bitsPerSecond,
      fullDuplex: link.fullDuplex,
      timerNs: timerLeft(this.clock, this.timer),
      medium: saveMedium(this.medium),
    };
  }

  /** Looks at what `save` gave, of this PHY or one with the same id. Throws with the first field that cannot be. */
  check(state: unknown): PhyState {
    return readPhyState(state, this.id1, this.id2, BMCR_WRITABLE);
  }

  /**
   * Takes up a state that `check` gave. Calls `onLinkChange` only when the medium is not as it was then. On a cable whose
   * ends negotiate a link is kept if the partner still keeps it; a negotiation under way starts anew.
   */
  restore(checked: PhyState): void {
    const { link } = this;
    this.resetting = checked.resetting;
    this.control = checked.control;
    this.advertised = checked.advertised;
    this.partner = checked.partner;
    this.negotiated = checked.negotiated;
    this.pageReceived = checked.pageReceived;
    this.lossLatched = checked.lossLatched;
    link.up = checked.linkUp;
    link.bitsPerSecond = checked.bitsPerSecond;
    link.fullDuplex = checked.fullDuplex;
    restoreTimer(this.clock, this.timer, checked.timerNs);
    if (this.negotiator !== null) this.takeUp(this.negotiator);
    else if (mediumChanged(this.medium, checked.medium)) this.carrierChanged();
  }

  private takeUp(negotiator: Negotiator): void {
    const { up, bitsPerSecond, fullDuplex } = this.link;
    if (this.resetting) {
      negotiator.fallSilent();
      return;
    }
    const mode = up ? negotiator.takeUp(this.offer()) : 0;
    const same = rateOf(mode) === bitsPerSecond && ((mode & FULL_DUPLEX_MODES) !== 0) === fullDuplex;
    if (mode === 0 || !same) this.begin();
  }

  /** The medium's carrier, rate or duplex changed, or what the other end offers. */
  carrierChanged(): void {
    if (this.resetting) return;
    if (this.negotiator !== null) this.negotiator.listen();
    else this.begin();
  }

  /** A 16-bit register; reading clears what latches. Registers that are not there read as zero. */
  readRegister(register: number): number {
    switch (register) {
      case MII.BMCR:
        return this.control | (this.resetting ? BMCR.RESET : 0);
      case MII.BMSR:
        return this.readStatus();
      case MII.PHYID1:
        return this.id1;
      case MII.PHYID2:
        return this.id2;
      case MII.ANAR:
        return this.advertised;
      case MII.ANLPAR:
        return this.partner;
      case MII.ANER:
        return this.readExpansion();
      default:
        return 0;
    }
  }

  writeRegister(register: number, value: number): void {
    // Until the reset is over only its own bit means something (22.2.4.1.1).
    if (this.resetting) return;
    if (register === MII.BMCR) this.writeControl(value);
    // A new advertisement counts from the next negotiation on.
    else if (register === MII.ANAR) this.advertised = value & ANAR_WRITABLE;
  }

  private readStatus(): number {
    let value = BMSR_ABILITIES;
    if (this.negotiated) value |= BMSR.ANCOMP;
    if (this.link.up && !this.lossLatched) value |= BMSR.LINK;
    this.lossLatched = !this.link.up;
    return value;
  }

  private readExpansion(): number {
    const value =
      (this.pageReceived ? ANER.PAGERX : 0) | ((this.partner & ANAR.ACK) !== 0 ? ANER.LPANABLE : 0);
    this.pageReceived = false;
    return value;
  }

  private writeControl(value: number): void {
    if ((value & BMCR.RESET) !== 0) {
      this.resetting = this.resetNs > 0;
      this.defaults();
      this.setLink(false, 0, false);
      if (this.resetting) {
        this.negotiator?.fallSilent();
        this.clock.arm(this.timer, this.clock.now() + this.resetNs);
      } else {
        this.begin();
      }
      return;
    }
    const old = this.control;
    this.control = value & BMCR_WRITABLE;
    const changed = old ^ this.control;
    const restart = (value & BMCR.ANRESTART) !== 0 && (value & BMCR.ANENABLE) !== 0;
    const forced = (value & BMCR.ANENABLE) === 0 && (changed & (BMCR.SPEED | BMCR.DUPLEX)) !== 0;
    const moved = (changed & (BMCR.ANENABLE | BMCR.POWERDOWN)) !== 0;
    if (restart || forced || moved) this.begin();
    else if ((changed & (BMCR.ISOLATE | BMCR.LOOPBACK)) !== 0) this.onLinkChange();
  }

  private defaults(): void {
    this.control = BMCR_AFTER_RESET;
    this.advertised = ABILITIES | SELECTOR_802_3;
    this.partner = 0;
    this.negotiated = false;
    this.pageReceived = false;
  }

  /** The link goes down and, with a carrier, tries to come up again. */
  private begin(): void {
    this.negotiated = false;
    this.partner = 0;
    this.setLink(false, 0, false);
    if (this.negotiator !== null) {
      this.beginWith(this.negotiator);
      return;
    }
    if (!this.medium.carrier || (this.control & BMCR.POWERDOWN) !== 0) {
      this.clock.cancel(this.timer);
      return;
    }
    const takes = (this.control & BMCR.ANENABLE) !== 0 ? this.negotiationNs : FORCED_LINK_NS;
    this.clock.arm(this.timer, this.clock.now() + takes);
  }

  private beginWith(negotiator: Negotiator): void {
    if ((this.control & BMCR.POWERDOWN) !== 0) {
      negotiator.fallSilent();
      this.clock.cancel(this.timer);
      return;
    }
    negotiator.begin(this.offer());
    const breakNs = this.negotiationNs * BREAK_SHARE;
    this.clock.armIn(this.timer, (this.control & BMCR.ANENABLE) !== 0 ? breakNs : FORCED_LINK_NS);
  }

  /** What this PHY puts on a cable whose ends negotiate. */
  private offer(): LinkOffer {
    const ready = false;
    if ((this.control & BMCR.ANENABLE) !== 0)
      return { modes: (this.advertised & ABILITIES) >> MODES_SHIFT, negotiates: true, ready };
    const both = (this.control & BMCR.SPEED) !== 0 ? ANAR.TXFD | ANAR.TX : ANAR.T10FD | ANAR.T10;
    const fullDuplex = (this.control & BMCR.DUPLEX) !== 0;
    const mode = both & (fullDuplex ? ANAR.TXFD | ANAR.T10FD : ANAR.TX | ANAR.T10);
    return { modes: mode >> MODES_SHIFT, negotiates: false, ready };
  }

  /** Something of the partner is heard: the time until the link is there; or nothing is any more. */
  private await(partner: LinkOffer | null): void {
    if (partner === null) {
      this.clock.cancel(this.timer);
      return;
    }
    const forced = (this.control & BMCR.ANENABLE) === 0 && !partner.negotiates;
    this.clock.armIn(this.timer, forced ? FORCED_LINK_NS : this.negotiationNs * (1 - BREAK_SHARE));
  }

  /** Both ends know; mode 0: nothing in common, no link. */
  private settled(mode: number, partner: LinkOffer): void {
    if ((this.control & BMCR.ANENABLE) !== 0) {
      // Parallel detection finds the speed, and tells it as an ability (28.2.3.1).
      this.partner = partner.negotiates
        ? (partner.modes << MODES_SHIFT) | ANAR.ACK | SELECTOR_802_3
        : halfDuplexOf(partner.modes) << MODES_SHIFT;
      this.pageReceived = partner.negotiates;
      this.negotiated = mode !== 0;
    }
    if (mode !== 0) this.setLink(true, rateOf(mode), (mode & FULL_DUPLEX_MODES) !== 0);
  }

  private timeout(): void {
    if (this.resetting) {
      this.resetting = false;
      this.begin();
    } else if (this.negotiator !== null) {
      this.negotiator.timeout();
    } else if ((this.control & BMCR.ANENABLE) !== 0) {
      this.resolve();
    } else {
      const rate = (this.control & BMCR.SPEED) !== 0 ? 100_000_000 : 10_000_000;
      const partner = partnerAbilities(this.medium);
      const both = rate === 100_000_000 ? ANAR.TXFD | ANAR.TX : ANAR.T10FD | ANAR.T10;
      if ((partner & both) !== 0) this.setLink(true, rate, (this.control & BMCR.DUPLEX) !== 0);
    }
  }

  /** Negotiation is over: the best both can do, in the order of annex 28B.3. Nothing in common: no link. */
  private resolve(): void {
    const offered = partnerAbilities(this.medium);
    this.partner = offered | ANAR.ACK | SELECTOR_802_3;
    this.pageReceived = true;
    const common = this.advertised & offered;
    if (common === 0) return;
    this.negotiated = true;
    if ((common & ANAR.TXFD) !== 0) this.setLink(true, 100_000_000, true);
    else if ((common & ANAR.TX) !== 0) this.setLink(true, 100_000_000, false);
    else if ((common & ANAR.T10FD) !== 0) this.setLink(true, 10_000_000, true);
    else this.setLink(true, 10_000_000, false);
  }

  private setLink(up: boolean, bitsPerSecond: number, fullDuplex: boolean): void {
    const { link } = this;
    if (link.up === up && link.bitsPerSecond === bitsPerSecond && link.fullDuplex === fullDuplex) return;
    link.up = up;
    link.bitsPerSecond = bitsPerSecond;
    link.fullDuplex = fullDuplex;
    if (!up) this.lossLatched = true;
    this.onLinkChange();
  }
}

/**
 * What the other end of the medium can do. A medium of 10 or 100 Mb/s runs at that rate only; any other rate (0 is
 * unlimited) stands for a partner that can do both.
 */
function partnerAbilities(medium: Medium): number {
  const rates =
    medium.bitsPerSecond === 10_000_000
      ? ANAR.T10FD | ANAR.T10
      : medium.bitsPerSecond === 100_000_000
        ? ANAR.TXFD | ANAR.TX
        : ABILITIES;
  return medium.fullDuplex ? rates : rates & ~(ANAR.TXFD | ANAR.T10FD);
}
