// Captures made for tests: packets of given lengths in either format.

import { MemorySink } from '../../src/ports/capture.ts';
import { PcapWriter } from '../../src/ports/pcap.ts';
import { PcapngWriter } from '../../src/ports/pcapng-writer.ts';

export const CAPTURE_FORMATS = ['pcap', 'pcapng'] as const;
export type CaptureFormat = (typeof CAPTURE_FORMATS)[number];

/** A file with these packets, a millisecond apart. */
export function captureFile(format: CaptureFormat, packets: readonly Uint8Array[]): Uint8Array {
  const sink = new MemorySink();
  const writer = format === 'pcap' ? new PcapWriter(sink) : new PcapngWriter(sink);
  if (writer instanceof PcapngWriter) writer.addInterface({ name: 'eth0' });
  packets.forEach((packet, i) => {
    const nanoseconds = i * 1_000_000;
    if (writer instanceof PcapngWriter) writer.packet(0, 1, nanoseconds, packet);
    else writer.packet(1, nanoseconds, packet);
  });
  writer.flush();
  return sink.bytes();
}
