// What is used of v86. Its package is never imported: who has an emulator hands it in. v86 documents its events and its
// state; the rest of what is named here is inside of it, as version 0.5.462 has it under these names, in the published
// build too. Another version may have moved something: then `internals` says what is missing.

/** An object of v86's class V86. */
export interface V86Emulator {
  /** The machine inside; there from the event `emulator-ready` on. */
  // biome-ignore lint/suspicious/noExplicitAny: v86 declares no types for its inside; `internals` looks at it.
  readonly v86?: any;
  /** Where network adapters listen and speak. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly bus?: any;
  // biome-ignore lint/suspicious/noExplicitAny: v86 types its events one by one.
  add_listener(event: any, listener: (argument: any) => void): void;
}

/** One of the two ends of v86's event bus: what one sends, listeners of the other get. */
export interface V86Bus {
  register(event: string, listener: (argument: unknown) => void, self?: unknown): void;
  unregister(event: string, listener: (argument: unknown) => void): void;
  send(event: string, argument: unknown): void;
}

/** What answers at one I/O port. Values are unsigned up to 16 bits; 32-bit reads give an int32, writes get either. */
export interface V86Port {
  read8(port: number): number;
  read16(port: number): number;
  read32(port: number): number;
  write8(value: number): void;
  write16(value: number): void;
  write32(value: number): void;
  device: unknown;
}

export interface V86Pci {
  /** Configuration spaces by bus, device and function (`device << 3`), 64 words each. */
  readonly device_spaces: (Int32Array | undefined)[];
  readonly devices: (object | undefined)[];
  /** Configuration space of the ISA bridge, bytes: at 0x60 to 0x63 the lines that PIRQA to PIRQD lead to. */
  readonly isa_bridge_space8: Uint8Array;
  register_device(device: {
    pci_id: number;
    pci_space: number[];
    pci_bars: object[];
    name: string;
  }): Int32Array;
  /** `address` is that of port 0xcf8 plus the byte: `device << 11 | register`, bit 31 set. */
  pci_write8(address: number, value: number): void;
  pci_write16(address: number, value: number): void;
  pci_write32(address: number, value: number): void;
  /** Looks up what port 0xcfc will answer. */
  pci_query(): void;
  raise_irq(id: number): void;
  lower_irq(id: number): void;
}

export interface V86Cpu {
  readonly bus: V86Bus;
  readonly io: { readonly ports: V86Port[]; create_empty_entry(): V86Port };
  readonly devices: { readonly pci: V86Pci };
  readonly wasm_memory: { readonly buffer: ArrayBuffer };
  /** Guest memory; its buffer is that of `wasm_memory`. */
  readonly mem8: { readonly byteOffset: number; readonly length: number };
  /** What answers at the physical addresses of a block of 128 KiB, by block. 32-bit values are int32. */
  readonly memory_map_read8: (((address: number) => number) | undefined)[];
  readonly memory_map_read32: (((address: number) => number) | undefined)[];
  readonly memory_map_write8: (((address: number, value: number) => void) | undefined)[];
  readonly memory_map_write32: (((address: number, value: number) => void) | undefined)[];
  /** A 16-bit store outside of memory; reads of 16 bits come as two of 8. */
  mmap_write16(address: number, value: number): void;
  /** Forgets code that was compiled from these bytes. */
  jit_dirty_cache(start: number, end: number): void;
  device_raise_irq(line: number): void;
  device_lower_irq(line: number): void;
  /** Where the first interrupt controller is in `wasm_memory`. */
  get_pic_addr_master(): number;
  /** As the reset button does, but for the devices. */
  reboot_internal(): void;
  /** Low and high word of the time stamp counter, as `store_current_tsc` found it. */
  readonly current_tsc: ArrayLike<number>;
  store_current_tsc(): void;
  set_tsc(low: number, high: number): void;
  get_state(): unknown[];
  set_state(state: unknown[]): void;
}

const KNOWN_VERSION = '0.5.462';
const WANTED: readonly [path: string, type: 'function' | 'object'][] = [
  ['bus.register', 'function'],
  ['bus.unregister', 'function'],
  ['bus.send', 'function'],
  ['io.ports', 'object'],
  ['io.create_empty_entry', 'function'],
  ['devices.pci.device_spaces', 'object'],
  ['devices.pci.devices', 'object'],
  ['devices.pci.isa_bridge_space8', 'object'],
  ['devices.pci.register_device', 'function'],
  ['devices.pci.pci_write8', 'function'],
  ['devices.pci.pci_write16', 'function'],
  ['devices.pci.pci_write32', 'function'],
  ['devices.pci.pci_query', 'function'],
  ['devices.pci.raise_irq', 'function'],
  ['devices.pci.lower_irq', 'function'],
  ['wasm_memory.buffer', 'object'],
  ['mem8', 'object'],
  ['memory_map_read8', 'object'],
  ['memory_map_read32', 'object'],
  ['memory_map_write8', 'object'],
  ['memory_map_write32', 'object'],
  ['mmap_write16', 'function'],
  ['jit_dirty_cache', 'function'],
  ['device_raise_irq', 'function'],
  ['device_lower_irq', 'function'],
  ['get_pic_addr_master', 'function'],
  ['reboot_internal', 'function'],
  ['current_tsc', 'object'],
  ['store_current_tsc', 'function'],
  ['set_tsc', 'function'],
  ['get_state', 'function'],
  ['set_state', 'function'],
];

/** The machine inside. Throws when it is not there yet, or is not built as it is known. */
export function internals(emulator: V86Emulator): V86Cpu {
  const cpu: unknown = emulator.v86?.cpu;
  if (typeof cpu !== 'object' || cpu === null || !isReady(cpu)) {
    throw new Error(
      "the emulator has no machine yet: construct it with autostart: false and wait for 'emulator-ready'",
    );
  }
  const missing = WANTED.filter(([path, type]) => {
    const found = lookUp(cpu, path);
    return type === 'function' ? typeof found !== 'function' : typeof found !== 'object' || found === null;
  });
  if (missing.length > 0) {
    const names = missing.map(([path]) => `cpu.${path}`).join(', ');
    throw new Error(`this version of v86 has no ${names}: version ${KNOWN_VERSION} is known to work`);
  }
  return cpu as V86Cpu;
}

/** The end of the bus that network adapters are at. Throws like `internals`. */
export function adapterBus(emulator: V86Emulator): V86Bus {
  internals(emulator);
  const { bus } = emulator;
  for (const name of ['register', 'unregister', 'send'] as const) {
    if (typeof bus?.[name] !== 'function')
      throw new Error(
        `this version of v86 has no emulator.bus.${name}: version ${KNOWN_VERSION} is known to work`,
      );
  }
  return bus;
}

/** The I/O ports and devices are made when all images have been loaded. */
function isReady(cpu: object): boolean {
  return 'io' in cpu && cpu.io !== undefined;
}

function lookUp(root: object, path: string): unknown {
  let at: unknown = root;
  for (const name of path.split('.')) at = (at as Record<string, unknown> | null | undefined)?.[name];
  return at;
}
