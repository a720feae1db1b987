import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { requirement } from '../../test/vocabulary/require.ts';
import { readCaptureFile } from '../ports/capture-file.ts';
import type { Io } from './io.ts';
import { main } from './main.ts';

/** An Io that keeps what is printed. */
class TestIo implements Io {
  stdout = '';
  stderr = '';
  readonly errIsTerminal = false;
  readonly columns = 0;
  interrupt: () => void = () => {};
  time = 0;
  onNow: () => void = () => {};

  out(text: string): void {
    this.stdout += text;
  }

  err(text: string): void {
    this.stderr += text;
  }

  onInterrupt(handler: () => void): () => void {
    this.interrupt = handler;
    return () => {};
  }

  onInput(_handler: (bytes: Uint8Array) => void): () => void {
    return () => {};
  }

  now(): number {
    this.onNow();
    return this.time;
  }
}

async function softnet(...argv: string[]): Promise<TestIo & { code: number }> {
  const io = new TestIo();
  const code = await main(argv, io);
  return Object.assign(io, { code });
}

const full = requirement('/dev/full', existsSync('/dev/full'), 'a file that is always full, as Linux has it');

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'softnet-cli-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('softnet sim', () => {
  test('prints tables and that nothing vanished', async () => {
    const { code, stdout, stderr } = await softnet('sim', 'default', '--for', '200ms');
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const title of ['flows', 'devices', 'links', 'CPUs']) expect(stdout).toContain(`\n${title}\n`);
    expect(stdout).toMatch(/nothing vanished: [\d,]+ frames accounted for\n$/);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThan(140);
  });

  test('--json prints one object and nothing else', async () => {
    const { code, stdout, stderr } = await softnet(
      'sim',
      'default',
      '--for',
      '100ms',
      '--seed',
      '9',
      '--json',
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      lab: 'default',
      seed: 9,
      clock: 'virtual',
      durationNs: 100_000_000,
    });
  });

  test('one seed twice writes the same trace byte for byte; another seed does not', async () => {
    const trace = async (name: string, seed: string): Promise<Buffer> => {
      const path = join(folder, name);
      expect((await softnet('sim', 'lossy', '--for', '100ms', '--seed', seed, '--trace', path)).code).toBe(0);
      return readFileSync(path);
    };
    for (const format of ['txt', 'json']) {
      const first = await trace(`a.${format}`, '7');
      expect(first.length).toBeGreaterThan(10_000);
      expect(await trace(`b.${format}`, '7')).toEqual(first);
      expect(await trace(`c.${format}`, '8')).not.toEqual(first);
    }
  });

  test('--pcap writes a capture for each link that can be read', async () => {
    const path = join(folder, 'captures');
    const { code, stdout } = await softnet('sim', 'default', '--for', '100ms', '--json', '--pcap', path);
    expect(code).toBe(0);
    expect(readdirSync(path).sort()).toEqual(['tape.pcapng', 'wire.pcapng']);
    const { directions } = JSON.parse(stdout).links.wire;
    const frames = [...readCaptureFile(join(path, 'wire.pcapng'))].length;
    expect(frames).toBe(directions['alice.eth0>bob.eth0'].frames + directions['bob.eth0>alice.eth0'].frames);
  });

  test('a flow that gets nothing through is exit code 2', async () => {
    const file = join(folder, 'cut.yaml');
    writeFileSync(
      file,
      'hosts: { a: { nics: [{ address: 10.0.0.1/24 }] }, b: { nics: [{ address: 10.0.0.2/24 }] } }\n' +
        'links: { w: { between: [a, b], impair: { forth: { loss: 100% } } } }\n' +
        'traffic: [{ kind: ping, from: a, to: b, interval: 10ms }]\n',
    );
    const { code, stdout } = await softnet('sim', file, '--for', '100ms');
    expect(code).toBe(2);
    expect(stdout).toContain('nothing vanished');
  });

  test('so is a capture of which nothing can be sent', async () => {
    const file = join(folder, 'lab.yaml');
    const capture = readFileSync(new URL('../../labs/captures/mixed.pcap', import.meta.url));
    capture.fill(0xff, 32, 36);
    writeFileSync(join(folder, 'lies.pcap'), capture);
    writeFileSync(
      file,
      'hosts: { a: { nics: [{}] } }\nlinks: { w: { between: [p, a] } }\nports: { p: { kind: replay, file: lies.pcap } }\n',
    );
    const { code, stdout } = await softnet('sim', file, '--for', '10ms');
    expect(code).toBe(2);
    expect(stdout).toContain('byte 32: a captured length of 4294967295 bytes');
  });

  test.skipIf(!full)('a disk that gets full is said in one line', async () => {
    for (const trace of ['trace.json', 'trace.txt']) {
      symlinkSync('/dev/full', join(folder, trace));
      const { code, stderr } = await softnet(
        'sim',
        'default',
        '--for',
        '10ms',
        '--trace',
        join(folder, trace),
      );
      expect(code).toBe(1);
      expect(stderr).toBe(
        `${join(folder, trace)} cannot be written: ENOSPC: no space left on device, write\n`,
      );
    }
  });

  test('Ctrl-C ends it with the report', async () => {
    const io = new TestIo();
    io.onNow = () => {
      io.time += 100;
      if (io.time > 1000) io.interrupt();
    };
    expect(await main(['sim', 'default', '--for', '1000s', '--json'], io)).toBe(0);
    const { durationNs, flows } = JSON.parse(io.stdout);
    expect(durationNs).toBeLessThan(10e9);
    for (const flow of flows) expect(flow.lost).toBe(0);
  });

  test('progress is told when it takes longer than two seconds', async () => {
    const io = new TestIo();
    io.onNow = () => {
      io.time += 1000;
    };
    expect(await main(['sim', 'default', '--for', '200ms'], io)).toBe(0);
    expect(io.stderr).toMatch(/^\d+% of 200 ms, \d+ of \d+ packets arrived\n/);
  });

  test('a fault of softnet prints the command that repeats it', async () => {
    const io = new TestIo();
    let looks = 0;
    io.onNow = () => {
      if (++looks > 5) throw new Error('a fault');
    };
    expect(await main(['sim', 'lossy', '--for', '2s', '--seed', '42'], io)).toBe(70);
    expect(io.stderr).toMatch(/^softnet broke: Error: a fault\n/);
    expect(io.stderr).toMatch(/to see it again: softnet sim lossy --seed 42 --for 2000000000ns\n$/);
  });
});

describe('softnet up', () => {
  test('runs in real time', async () => {
    const { code, stdout } = await softnet('up', 'hub', '--for', '200ms', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.clock).toBe('system');
    expect(report.durationNs).toBeGreaterThanOrEqual(200_000_000);
    expect(report.conservation.vanished).toEqual([]);
  });
});

describe('softnet check', () => {
  test('says what is in a good file', async () => {
    const { code, stdout } = await softnet('check', 'default');
    expect(code).toBe(0);
    expect(stdout).toBe('default: ok: 2 hosts, 3 NICs, 2 links, 1 port, 2 flows\n');
  });

  test('says what is wrong with a bad one', async () => {
    const file = join(folder, 'bad.yaml');
    writeFileSync(file, 'hosts: { a: { profle: ideal } }\n');
    const { code, stdout, stderr } = await softnet('check', file);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(`${file}:1:15: unknown key "profle"; did you mean "profile"?\n`);
    const json = await softnet('check', file, '--json');
    expect(JSON.parse(json.stdout)).toEqual({
      ok: false,
      files: [
        {
          file,
          ok: false,
          problems: [{ file, line: 1, column: 15, message: 'unknown key "profle"; did you mean "profile"?' }],
        },
      ],
    });
  });

  test('reads captures to their ends and sets up the machines', async () => {
    const file = join(folder, 'lab.yaml');
    const capture = readFileSync(new URL('../../labs/captures/mixed.pcap', import.meta.url));
    writeFileSync(join(folder, 'cut.pcap'), capture.subarray(0, 10_000));
    writeFileSync(join(folder, 'text.pcap'), 'hello');
    writeFileSync(
      file,
      [
        'hosts:',
        '  a: { gateway: 10.9.9.9, nics: [{ address: 10.0.0.1/24 }, {}] }',
        '  b: { memory: 64KiB }',
        'links: { v: { between: [p, a.eth0] }, w: { between: [q, a.eth1] } }',
        'ports:',
        '  p: { kind: replay, file: cut.pcap }',
        '  q: { kind: replay, file: text.pcap }',
        '',
      ].join('\n'),
    );
    const { code, stderr } = await softnet('check', file);
    expect(code).toBe(1);
    expect(stderr.replaceAll(file, 'lab')).toMatch(
      new RegExp(
        [
          '^lab:2:6: host "a": route default: gateway 10.9.9.9 must be .*',
          'lab:3:6: host "b": out of physical memory: .*',
          'lab:6:28: port "p": cut.pcap: byte 8781: .*',
          'lab:7:28: port "q": text.pcap: byte 0: .*\n$',
        ].join('\n'),
      ),
    );
  });

  test('looks whether captures are there', async () => {
    const file = join(folder, 'tape.yaml');
    writeFileSync(
      file,
      'hosts: { a: { nics: [{}] } }\nports: { t: { kind: replay, file: none.pcap } }\nlinks: { w: { between: [t, a] } }\n',
    );
    const { code, stderr } = await softnet('check', file);
    expect(code).toBe(1);
    expect(stderr).toContain('port "t": none.pcap: no such file');
  });
});

describe('softnet check, with QEMU and guests', () => {
  async function check(...lines: string[]): Promise<{ code: number; text: string }> {
    const file = join(folder, 'lab.yaml');
    writeFileSync(file, lines.join('\n'));
    const { code, stdout, stderr } = await softnet('check', file);
    return { code, text: `${stdout}${stderr}`.replaceAll(file, 'lab') };
  }

  test('needs no QEMU for a lab with its cards', async () => {
    const { code, stderr } = await softnet('check', 'qemu-pcnet');
    expect([code, stderr]).toEqual([0, '']);
  });

  test('sets up services, and reads what they serve', async () => {
    const { code, text } = await check(
      'hosts:',
      '  a: { nics: [{ address: 10.0.0.1/24 }], services: [{ kind: tftp, files: { f: none.bin } }] }',
      `  b: { nics: [{ address: 10.0.0.2/24 }], services: [{ kind: dhcp, range: 10.0.0.9-10.0.0.9, bootFile: ${'x'.repeat(300)} }] }`,
    );
    expect(code).toBe(1);
    expect(text).toContain('host "a": none.bin: no such file');
    expect(text).toContain('host "b": the boot file "xxx');
  });

  test('a served file is a file or a text', async () => {
    const { code, text } = await check(
      'hosts:',
      '  a: { nics: [{}], services: [{ kind: tftp, files: { f: {}, g: { file: x, text: y }, h: { text: "" } } }] }',
    );
    expect(code).toBe(1);
    expect(text.match(/lab:2:\d+: "[fg]" is a file or a text/g)).toHaveLength(2);
    expect(text).not.toContain('"h"');
  });

  test("reads a guest's files", async () => {
    writeFileSync(join(folder, 'bios'), new Uint8Array(65536));
    writeFileSync(join(folder, 'vga'), Uint8Array.of(0x55, 0xaa, ...new Uint8Array(510)));
    writeFileSync(join(folder, 'text'), 'no kernel');
    const common = 'guest: v86, bios: bios, vgaBios: vga';
    const { code, text } = await check(
      'hosts:',
      `  a: { ${common}, kernel: none }`,
      `  b: { ${common}, kernel: text }`,
      `  c: { ${common}, kernel: text, memory: 100MiB }`,
    );
    expect(code).toBe(1);
    expect(text).toContain('lab:2:54: guest "a": none: no such file');
    expect(text).toContain('lab:3:6: guest "b": the kernel is not in the bzImage format');
    expect(text).toContain('lab:4:6: guest "c": memory of 104857600 bytes: a power of two');
  });

  test('guests have consoles of their own', async () => {
    const { text } = await check(
      'hosts:',
      '  a: { guest: v86, cdrom: x, console: c.sock }',
      '  b: { guest: v86, cdrom: x, console: c.sock }',
    );
    expect(text).toBe('lab:3:39: c.sock is the console of a already: another would be right\n');
  });
});

describe('mistakes of the caller', () => {
  test.each([
    [['up', 'default', '--json', '--console'], '--console and --json both want standard output'],
    [
      ['sim', 'nowhere.yaml'],
      'nowhere.yaml: no such file; the labs that come with softnet: bufferbloat, default, ',
    ],
    [['sim', '.'], '.: this is a folder, a file would be right'],
    [
      ['sim', 'default', '--for', '5'],
      `"5" is not a time: a number and ns, us, ms, s or min, like 10ms, would be right`,
    ],
    [['sim', 'default', '--seed', 'x'], '"x": a whole number, 0 or more, would be right'],
    [['sim', 'tap'], 'softnet up FILE would be right'],
    [['simm'], "unknown command 'simm'"],
    [['umount', '-f', 'fxp0'], 'softnet ifconfig INTERFACE destroy would be right'],
    [['sim', 'default', '--jsn'], "unknown option '--jsn'"],
    [['sim', 'default', '--for', '1ms', '--trace', '/nowhere/t.txt'], '/nowhere/t.txt cannot be written'],
    [['livelock', 'default'], 'lab "default" has no port of kind generator'],
  ])('%j', async (argv, message) => {
    const { code, stdout, stderr } = await softnet(...argv);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });
});

test('the tools want a lab that runs, and nobody else may have made the place where it is looked for', async () => {
  vi.stubEnv('XDG_RUNTIME_DIR', folder);
  try {
    for (const argv of [
      ['ifconfig', '-a'],
      ['nicinfo', '-s'],
      ['netstat', '-m'],
      ['mount', '-T', 'io-pkt', 'pcn'],
    ]) {
      const { code, stdout, stderr } = await softnet(...argv);
      expect([argv, code, stdout]).toEqual([argv, 1, '']);
      expect(stderr).toBe('no lab runs: softnet up FILE, in another terminal, starts one\n');
    }
    expect((await softnet('labs')).stdout).toContain('no lab runs');
    expect((await softnet('labs', '--json')).stdout).toBe('[]\n');
    writeFileSync(join(folder, 'softnet'), '');
    expect(await softnet('ifconfig')).toMatchObject({
      code: 1,
      stderr: `${join(folder, 'softnet')} is no folder: remove it\n`,
    });
  } finally {
    vi.unstubAllEnvs();
  }
});

test.each([
  [[]],
  [['up']],
  [['sim']],
  [['mount']],
  [['ifconfig']],
  [['nicinfo']],
  [['netstat']],
  [['labs']],
  [['check']],
  [['livelock']],
  [['bench']],
])('help of %j has examples', async (command) => {
  const { code, stdout } = await softnet(...command, '--help');
  expect(code).toBe(0);
  expect(stdout).toContain('Examples:\n  ');
});
