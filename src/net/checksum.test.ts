import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PhysicalMemory } from '../kernel/memory.ts';
import { MbufPool } from '../mbuf/pool.ts';
import { foldChecksum, internetChecksum, sumChain, sumWords } from './checksum.ts';

const EXAMPLE = Uint8Array.from([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);

describe('the Internet checksum', () => {
  test('of the example in RFC 1071, section 3 is the complement of ddf2', () => {
    expect(sumWords(EXAMPLE, 0, 8)).toBe(0x2ddf0);
    expect(internetChecksum(EXAMPLE, 0, 8)).toBe(~0xddf2 & 0xffff);
  });

  test('of a well-known IPv4 header is b861', () => {
    const bytes = Uint8Array.from(Buffer.from('45000073000040004011b861c0a80001c0a800c7', 'hex'));
    expect(internetChecksum(bytes, 0, 20)).toBe(0);
    bytes[10] = bytes[11] = 0;
    expect(internetChecksum(bytes, 0, 20)).toBe(0xb861);
  });

  test('over data that holds it is 0, for odd lengths too', () => {
    const bytes = Uint8Array.from([1, 2, 0, 0, 5]);
    const value = internetChecksum(bytes, 0, 5);
    bytes[2] = value >> 8;
    bytes[3] = value & 0xff;
    expect(internetChecksum(bytes, 0, 5)).toBe(0);
  });

  test('over a chain is that of its bytes, whatever the lengths of the members', () => {
    const pool = new MbufPool(new PhysicalMemory(1 << 20), { mbufs: 64, clusters: 0 });
    const parts = fc.array(fc.uint8Array({ minLength: 0, maxLength: 9 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(parts, fc.nat(100), (pieces, at) => {
        const chain = pool.gethdr();
        if (chain === null) throw new Error('no buffer');
        for (const piece of pieces) {
          const m = pool.get();
          if (m === null) throw new Error('no buffer');
          pool.memory.u8.set(piece, m.data);
          m.length = piece.length;
          pool.cat(chain, m);
        }
        const bytes = pool.toBytes(chain);
        const offset = at % (bytes.length + 1);
        expect(foldChecksum(sumChain(pool.memory.u8, chain, offset))).toBe(
          internetChecksum(bytes, offset, bytes.length - offset),
        );
        pool.freem(chain);
        expect(pool.inUse).toBe(0);
      }),
    );
  });
});
