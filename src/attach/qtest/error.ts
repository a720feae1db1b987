/** QEMU, or what it was asked for, cannot be had; the message says what would help. */
export class AttachError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AttachError';
  }
}
