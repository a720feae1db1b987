// Writes a cpio archive of format newc, which the kernel unpacks as its first root file system (cpio(5), the kernel's
// driver-api/early-userspace/buffer-format). Entries belong to root and have no time, so that the same files give the same
// bytes.

import { dirname } from 'node:path';

const DIRECTORY = 0o040000;
const REGULAR = 0o100000;
const SYMLINK = 0o120000;
const CHARACTER = 0o020000;

/** Collects files by their path without a leading slash; folders on the way are made by themselves. */
export class CpioWriter {
  chunks = [];
  folders = new Set();
  inode = 1;

  folder(path) {
    if (path === '.' || path === '' || this.folders.has(path)) return;
    this.folder(dirname(path));
    this.folders.add(path);
    this.entry(path, DIRECTORY | 0o755, Buffer.alloc(0));
  }

  file(path, bytes, mode = 0o644) {
    this.folder(dirname(path));
    this.entry(path, REGULAR | mode, Buffer.from(bytes));
  }

  symlink(path, target) {
    this.folder(dirname(path));
    this.entry(path, SYMLINK | 0o777, Buffer.from(target));
  }

  characterDevice(path, major, minor) {
    this.folder(dirname(path));
    this.entry(path, CHARACTER | 0o600, Buffer.alloc(0), major, minor);
  }

  /** The whole archive. */
  end() {
    this.entry('TRAILER!!!', 0, Buffer.alloc(0));
    return Buffer.concat(this.chunks);
  }

  entry(path, mode, bytes, major = 0, minor = 0) {
    const name = Buffer.from(`${path}\0`);
    // inode, mode, uid, gid, links, mtime, size, device of the file, device it is, name size, check.
    const fields = [this.inode++, mode, 0, 0, 1, 0, bytes.length, 0, 0, major, minor, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0')).join('')}`;
    this.chunks.push(padded(Buffer.concat([Buffer.from(header), name])), padded(bytes));
  }
}

function padded(bytes) {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
