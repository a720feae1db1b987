// What a run writes beside its report: a capture for each link, a trace. Written as it comes, so a long run takes no memory.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Tracer } from '../../kernel/trace.ts';
import type { ByteSink } from '../../ports/capture.ts';
import { FileSink } from '../../ports/capture-file.ts';
import { CaptureSink } from '../../ports/capture-sink.ts';
import { LabRunError } from '../problem.ts';
import { ChromeTrace } from '../trace-chrome.ts';
import { traceToText } from '../trace-text.ts';
import type { Observe } from '../wires.ts';

/** One pcapng file a link, in a folder. */
export class LinkCaptures {
  readonly observe: Observe;
  private readonly open: { file: OutputFile; capture: CaptureSink }[] = [];

  /** `epochSeconds`: seconds since 1970 at the clock's time 0. Makes the folder. */
  constructor(folder: string, epochSeconds: number) {
    usable(folder, () => mkdirSync(folder, { recursive: true }));
    this.observe = (link, place) => {
      const path = join(folder, `${link}.pcapng`);
      const file = new OutputFile(path);
      const capture = new CaptureSink(file, { epochSeconds });
      this.open.push({ file, capture });
      return capture.observer(place);
    };
  }

  close(): void {
    for (const { file, capture } of this.open.splice(0)) {
      capture.close();
      file.close();
    }
  }
}

/** A trace in the format that the file's name asks for: .txt or .log is text, anything else is for ui.perfetto.dev. */
export class TraceFile {
  private readonly file: OutputFile;
  private readonly chrome: ChromeTrace | null;
  private readonly tracer: Tracer;
  private readonly encoder = new TextEncoder();

  constructor(path: string, tracer: Tracer) {
    this.tracer = tracer;
    this.file = new OutputFile(path);
    const write = (text: string): void => this.file.write(this.encoder.encode(text));
    this.chrome = /\.(txt|log)$/.test(path) ? null : new ChromeTrace(tracer, write);
    tracer.start(this.chrome === null ? traceToText(tracer, write) : this.chrome.sink);
  }

  close(): void {
    this.tracer.flush();
    this.tracer.on = false;
    this.chrome?.close();
    this.file.close();
  }
}

/** A file whose disk may get full while a lab runs. */
class OutputFile implements ByteSink {
  private readonly path: string;
  private readonly file: FileSink;
  private broken = false;

  constructor(path: string) {
    this.path = path;
    this.file = usable(path, () => new FileSink(path));
  }

  /** Throws once; what comes later, while the run is ended, is let go. */
  write(bytes: Uint8Array): void {
    if (this.broken) return;
    usable(this.path, () => {
      this.broken = true;
      this.file.write(bytes);
      this.broken = false;
    });
  }

  close(): void {
    this.file.close();
  }
}

function usable<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw new LabRunError(`${path} cannot be written: ${(error as Error).message}`);
  }
}
