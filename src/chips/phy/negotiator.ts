// A PHY's side of a cable whose ends negotiate, after IEEE 802.3-2002 clause 28: what it says, and what it makes of what
// it hears. Time is the PHY's: it calls `timeout`.
//
//     OFF ──begin──▶ BREAK ──timeout──▶ LISTEN ──heard long enough──▶ CHECK ──partner ready──▶ DONE
//     silent         silent, so that    says its                      says that it is          link, or nothing
//                    the partner's      offer                         ready                    in common
//                    link fails too
//
// A partner that falls silent or says something else in CHECK or DONE: the link is lost, and all begins again.

import type { LinkOffer, Medium } from '../../wire/medium.ts';
import { agreedMode, heard } from '../../wire/negotiation.ts';

const OFF = 0;
const BREAK = 1;
const LISTEN = 2;
const CHECK = 3;
const DONE = 4;

export interface NegotiatorOwner {
  /** `timeout` is wanted when this partner has been heard for long enough; null: not any more. */
  wait(partner: LinkOffer | null): void;
  /** The mode is agreed on; 0: nothing in common, no link. */
  settled(mode: number, partner: LinkOffer): void;
  /** The partner is not what it was: `begin` is wanted. */
  again(): void;
}

export class Negotiator {
  private readonly medium: Medium;
  private readonly owner: NegotiatorOwner;
  private phase = OFF;
  private own: LinkOffer = { modes: 0, negotiates: true, ready: false };
  /** The partner as it was heard last. */
  private known = 0;

  constructor(medium: Medium, owner: NegotiatorOwner) {
    this.medium = medium;
    this.owner = owner;
  }

  /** Powered down or in reset: nothing is said, nothing heard. */
  fallSilent(): void {
    this.phase = OFF;
    this.medium.offer?.(null);
  }

  /** From the start, to end in `own`. The owner's timer is to call `timeout` after the silence. */
  begin(own: LinkOffer): void {
    this.own = own;
    this.phase = BREAK;
    this.medium.offer?.(null);
  }

  /** A link from a saved state: says so, and gives the mode it has if the partner is ready for it; else 0. */
  takeUp(own: LinkOffer): number {
    this.own = own;
    this.say(true);
    const { partner } = this.medium;
    if (partner === null || partner === undefined || !partner.ready) return 0;
    this.phase = DONE;
    this.known = heard(partner);
    return agreedMode(own, partner);
  }

  timeout(): void {
    if (this.phase === BREAK) {
      this.phase = LISTEN;
      this.known = 0;
      this.say(false);
      this.listen();
    } else if (this.phase === LISTEN) {
      this.conclude();
    }
  }

  /** Something changed at the other end, or on the way. */
  listen(): void {
    const partner = this.medium.partner ?? null;
    const now = heard(partner);
    const same = now === this.known;
    switch (this.phase) {
      case LISTEN:
        if (same) return;
        this.known = now;
        this.owner.wait(partner);
        break;
      case CHECK:
        if (!same) this.owner.again();
        else if (partner?.ready === true) this.settle(partner);
        break;
      case DONE:
        if (!same) this.owner.again();
        break;
    }
  }

  private conclude(): void {
    const { partner } = this.medium;
    // Gone at this very instant: the news of it is on its way.
    if (partner === null || partner === undefined) return;
    if (agreedMode(this.own, partner) === 0) {
      this.settle(partner);
      return;
    }
    this.phase = CHECK;
    this.say(true);
    if (partner.ready) this.settle(partner);
  }

  private settle(partner: LinkOffer): void {
    this.phase = DONE;
    this.owner.settled(agreedMode(this.own, partner), partner);
  }

  private say(ready: boolean): void {
    this.medium.offer?.({ ...this.own, ready });
  }
}
