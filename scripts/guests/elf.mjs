// What a 32-bit little-endian ELF file needs: the libraries of a program (DT_NEEDED) and the modules of a kernel module
// (`depends=` in .modinfo). After the System V ABI, chapters "Object Files" and "Dynamic Linking".

import { GuestsError } from './apt.mjs';

const SHT_DYNAMIC = 6;
const DT_NULL = 0;
const DT_NEEDED = 1;

/** Names of the libraries a program or library is linked with; [] for a static one. Throws on what is not ELF32. */
export function neededLibraries(bytes, name) {
  const sections = sectionsOf(bytes, name);
  const dynamic = sections.find(({ type }) => type === SHT_DYNAMIC);
  if (dynamic === undefined) return [];
  const strings = sections[dynamic.link];
  const needed = [];
  for (let at = dynamic.offset; at + 8 <= dynamic.offset + dynamic.size; at += 8) {
    const tag = bytes.readUInt32LE(at);
    if (tag === DT_NULL) break;
    if (tag === DT_NEEDED) needed.push(textAt(bytes, strings.offset + bytes.readUInt32LE(at + 4)));
  }
  return needed;
}

/** Names of the modules a kernel module needs, as `mii` of mii.ko. */
export function neededModules(bytes, name) {
  const info = sectionsOf(bytes, name).find((section) => section.name === '.modinfo');
  if (info === undefined) return [];
  const entries = bytes.toString('latin1', info.offset, info.offset + info.size).split('\0');
  const depends = entries.find((entry) => entry.startsWith('depends='))?.slice('depends='.length) ?? '';
  return depends.split(',').filter((module) => module !== '');
}

function sectionsOf(bytes, name) {
  const good = bytes.length > 52 && bytes.readUInt32BE(0) === 0x7f454c46 && bytes[4] === 1 && bytes[5] === 1;
  if (!good) throw new GuestsError(`${name} is not a 32-bit little-endian ELF file`);
  const table = bytes.readUInt32LE(32);
  const entryBytes = bytes.readUInt16LE(46);
  const count = bytes.readUInt16LE(48);
  if (table + count * entryBytes > bytes.length)
    throw new GuestsError(`${name}: its section table ends beyond the file`);
  const sections = Array.from({ length: count }, (_, i) => {
    const at = table + i * entryBytes;
    return {
      nameAt: bytes.readUInt32LE(at),
      type: bytes.readUInt32LE(at + 4),
      offset: bytes.readUInt32LE(at + 16),
      size: bytes.readUInt32LE(at + 20),
      link: bytes.readUInt32LE(at + 24),
      name: '',
    };
  });
  const names = sections[bytes.readUInt16LE(50)];
  for (const section of sections) section.name = textAt(bytes, names.offset + section.nameAt);
  return sections;
}

function textAt(bytes, offset) {
  return bytes.toString('latin1', offset, bytes.indexOf(0, offset));
}
