// io_net_self_t as the shim fills it in. The entries are exchanged at every reg: a driver that keeps a copy, or that calls
// before it has registered, trips over the old ones (S01).

import type { io_net_self_t, Ref } from '../interface.ts';
import { type net_buf_t, npkt_t } from '../npkt.ts';
import { errno } from '../process.ts';
import { EINVAL, ENOMEM, ENOTSUP, EOK } from '../shared.ts';
import type { ShimDevice } from './device.ts';
import type { ShimDll } from './dll.ts';
import { mistake } from './findings.ts';
import { FREED, RETURNED, UpNpkt, WITH_DRIVER } from './packets.ts';
import { askDone, passUp } from './receive.ts';
import { deregister, register } from './register.ts';
import { takeBack } from './transmit.ts';

/** What packets have for themselves: a cache line, so that no two share one. */
const LINE = 64;

export function makeSelf(dll: ShimDll): io_net_self_t {
  return entries(dll, 0);
}

/** From here on the entries that the driver has seen so far are the old ones. */
export function exchange(dll: ShimDll): void {
  dll.generation++;
  Object.assign(dll.ion, entries(dll, dll.generation));
}

function entries(dll: ShimDll, generation: number): io_net_self_t {
  const check = (name: string): void => {
    if (generation !== dll.generation || generation === 0) refuse(dll, generation, name);
  };
  const device = (name: string, reg_hdl: number): ShimDevice => {
    check(name);
    return deviceOf(dll, name, reg_hdl);
  };
  return {
    reg(dll_hdl, registrant, reg_hdl, cell, endpoint) {
      if (generation !== dll.generation) refuse(dll, generation, 'reg');
      if (dll_hdl !== dll.handle) return fail(EINVAL);
      return register(dll, registrant, reg_hdl, cell, endpoint);
    },
    dereg: (reg_hdl) => deregister(device('dereg', reg_hdl)),
    alloc(size, _flags) {
      check('alloc');
      return alloc(dll, size);
    },
    free(ptr) {
      check('free');
      free(dll, ptr);
    },
    mphys(ptr) {
      check('mphys');
      return ptr;
    },
    alloc_up_npkt(size, data) {
      check('alloc_up_npkt');
      return allocUp(dll, size, data);
    },
    alloc_down_npkt(reg_hdl, size, data) {
      device('alloc_down_npkt', reg_hdl);
      return allocUp(dll, size, data);
    },
    tx_up_start(reg_hdl, npkt, off, framelen_sub, cell, endpoint, _iface, done_hdl) {
      const dev = device('tx_up_start', reg_hdl);
      checkCall(dll, dev, 'tx_up_start', off, framelen_sub, cell, endpoint);
      return passUp(dll, dev, npkt, done_hdl);
    },
    tx_up(reg_hdl, npkt, off, framelen_sub, cell, endpoint, _iface) {
      const dev = device('tx_up', reg_hdl);
      checkCall(dll, dev, 'tx_up', off, framelen_sub, cell, endpoint);
      if (npkt.req_complete === 0)
        mistake(
          dll.io,
          'manual',
          `${dll.file}: tx_up of a packet whose tx_done nobody asked for (reg_tx_done)`,
        );
      return passUp(dll, dev, npkt, npkt.complete[0].done_hdl) === null ? 1 : 0;
    },
    tx_done(reg_hdl, npkt) {
      takeBack(dll, device('tx_done', reg_hdl), npkt);
      return EOK;
    },
    reg_tx_done(reg_hdl, npkt, done_hdl) {
      askDone(device('reg_tx_done', reg_hdl), npkt, done_hdl);
      return EOK;
    },
    memcpy_from_npkt(dst, npkt, off, len) {
      check('memcpy_from_npkt');
      return copyOut(dll, dst, npkt, off, len);
    },
    // The shim carries drivers: there is nobody below one, and nobody beside it.
    tx_down: (reg_hdl) => unsupported(device('tx_down', reg_hdl)),
    devctl: (reg_hdl) => unsupported(device('devctl', reg_hdl)),
    raw_devctl: (reg_hdl) => unsupported(device('raw_devctl', reg_hdl)),
    reg_byte_pat: (reg_hdl) => unsupported(device('reg_byte_pat', reg_hdl)),
    dereg_byte_pat: (reg_hdl) => unsupported(device('dereg_byte_pat', reg_hdl)),
  };
}

function refuse(dll: ShimDll, generation: number, name: string): never {
  const why =
    generation === dll.generation
      ? 'before reg, which comes first'
      : 'through a copy of the table: call it through the pointer that init was given';
  mistake(dll.io, 'S01', `${dll.file}: ion->${name} is called ${why}`);
}

function deviceOf(dll: ShimDll, name: string, reg_hdl: number): ShimDevice {
  const { devices } = dll;
  for (let i = 0; i < devices.length; i++) if (devices[i].reg_hdl === reg_hdl) return devices[i];
  mistake(dll.io, 'manual', `${dll.file}: ion->${name} with reg_hdl ${reg_hdl}, which is not registered`);
}

/** What reg answered is to be given back here. */
function checkCall(
  dll: ShimDll,
  dev: ShimDevice,
  name: string,
  off: number,
  framelen_sub: number,
  cell: number,
  endpoint: number,
): void {
  if (off !== 0 || framelen_sub !== 0)
    mistake(
      dll.io,
      'manual',
      `${dll.file}: ${name} with off ${off} and framelen_sub ${framelen_sub}: a driver says 0`,
    );
  if (cell !== 0 || endpoint !== dev.dv_unit)
    mistake(
      dll.io,
      'manual',
      `${dll.file}: ${name} with cell ${cell}, endpoint ${endpoint}: reg answered 0, ${dev.dv_unit}`,
    );
}

// ---- memory

function alloc(dll: ShimDll, size: number): number {
  const { machine, blocks } = dll;
  if (!Number.isInteger(size) || size < 1) {
    errno.value = EINVAL;
    return 0;
  }
  const bytes = Math.ceil(size / LINE) * LINE;
  machine.cpu.charge(machine.cpu.profile.buffer);
  let address: number;
  try {
    address = machine.memory.alloc(bytes, LINE);
  } catch {
    errno.value = ENOMEM;
    return 0;
  }
  blocks.set(address, bytes);
  return address;
}

/** Packets of one driver: one that never stops asking is out of memory, too. */
const NPKTS = 65_536;

function allocUp(dll: ShimDll, size: number, data: Ref<number>): npkt_t | null {
  data.value = 0;
  if (dll.npkts.size >= NPKTS) {
    errno.value = ENOMEM;
    return null;
  }
  if (size > 0) {
    data.value = alloc(dll, size);
    if (data.value === 0) return null;
  } else {
    const { cpu } = dll.machine;
    cpu.charge(cpu.profile.buffer);
  }
  const npkt = new UpNpkt();
  npkt.data = data.value;
  npkt.num_complete = 1;
  dll.npkts.add(npkt);
  return npkt;
}

function free(dll: ShimDll, ptr: number | npkt_t): void {
  const { io, file, blocks, machine } = dll;
  if (ptr instanceof npkt_t) {
    if (!(ptr instanceof UpNpkt) || !dll.npkts.delete(ptr))
      mistake(io, 'B01', `${file}: ion->free of a packet that is not from alloc_up_npkt, or freed already`);
    if (ptr.state !== WITH_DRIVER && ptr.state !== RETURNED)
      mistake(io, 'P09', `${file}: ion->free of a packet that it has passed up`);
    ptr.state = FREED;
    if (ptr.data !== 0) free(dll, ptr.data);
    return;
  }
  if (!blocks.delete(ptr))
    mistake(
      io,
      'B01',
      `${file}: ion->free of 0x${ptr.toString(16)}, which alloc did not give, or which is freed`,
    );
  machine.memory.free(ptr);
}

function copyOut(dll: ShimDll, dst: number, npkt: npkt_t, off: number, len: number): number {
  const { cpu, memory } = dll.machine;
  let skip = off;
  let left = len;
  for (let buf: net_buf_t | null = npkt.buffers.first; buf !== null && left > 0; buf = buf.ptrs) {
    for (let i = 0; i < buf.niov && left > 0; i++) {
      const { iov_base, iov_len } = buf.net_iov[i];
      const bytes = Math.min(left, iov_len - skip);
      if (bytes <= 0) {
        skip -= iov_len;
        continue;
      }
      memory.u8.copyWithin(dst + len - left, iov_base + skip, iov_base + skip + bytes);
      left -= bytes;
      skip = 0;
    }
  }
  cpu.charge((len - left) * cpu.profile.copyByte);
  return len - left;
}

function unsupported(_dev: ShimDevice): -1 {
  return fail(ENOTSUP);
}

function fail(error: number): -1 {
  errno.value = error;
  return -1;
}
