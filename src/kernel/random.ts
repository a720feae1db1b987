// Seeded random numbers: the only source of chance in a machine or on a wire.
// sfc32, the "small fast counting" generator of C. Doty-Humphrey's PractRand; a stream a consumer, forked by name, so
// that adding one consumer does not shift the numbers of the others.

export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number, stream = '') {
    let hash = 0x811c9dc5; // FNV-1a over the stream's name
    for (let i = 0; i < stream.length; i++) hash = Math.imul(hash ^ stream.charCodeAt(i), 0x01000193);
    this.a = seed | 0;
    this.b = Math.floor(seed / 0x100000000) | 0;
    this.c = hash;
    for (let i = 0; i < 15; i++) this.next32();
  }

  /** 0 to 2^32 - 1. */
  next32(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return sum >>> 0;
  }

  /** 0 included to 1 excluded. */
  float(): number {
    return this.next32() / 0x100000000;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.float() * limit);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.float() < probability;
  }

  /** Standard normal, by the polar method. */
  normal(): number {
    for (;;) {
      const u = 2 * this.float() - 1;
      const v = 2 * this.float() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s);
    }
  }
}
