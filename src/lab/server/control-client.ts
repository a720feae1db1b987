// Asks a running lab through its control socket.

import { createConnection } from 'node:net';
import { type ControlAnswer, type ControlRequest, REQUEST_BYTES } from './control.ts';

/** Time in ms: a lab answers between two turns. */
const ANSWER_MS = 10_000;
/** Longest answer in bytes. */
const ANSWER_BYTES = 64 * 1024 * 1024;

/** The lab could not be asked, or said what is no answer. */
export class ControlClientError extends Error {}

/** Throws ControlClientError when there is no answer; a refusal is an answer. */
export function askLab(path: string, request: ControlRequest, timeoutMs = ANSWER_MS): Promise<ControlAnswer> {
  const line = `${JSON.stringify(request)}\n`;
  if (Buffer.byteLength(line) > REQUEST_BYTES)
    return Promise.reject(new ControlClientError(`a command has at most ${REQUEST_BYTES} bytes`));
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const parts: Buffer[] = [];
    let length = 0;
    const fail = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new ControlClientError(`the lab behind ${path} ${why}`));
    };
    const timer = setTimeout(() => fail(`has not answered within ${timeoutMs} ms`), timeoutMs);
    socket.on('error', (error) => {
      // Hung up behind its answer.
      if (length === 0) fail(`cannot be asked: ${error.message}`);
    });
    socket.on('data', (bytes) => {
      parts.push(bytes as Buffer);
      length += bytes.length;
      if (length > ANSWER_BYTES) fail('does not stop answering');
    });
    socket.on('close', () => {
      clearTimeout(timer);
      try {
        resolve(parseAnswer(Buffer.concat(parts).toString('utf8')));
      } catch {
        fail('has ended, or said what is no answer');
      }
    });
    socket.write(line);
  });
}

function parseAnswer(text: string): ControlAnswer {
  const answer = JSON.parse(text) as Partial<ControlAnswer> | null;
  if (answer?.ok === true && typeof answer.text === 'string') return answer as ControlAnswer;
  if (answer?.ok === false && typeof answer.error === 'string') return answer as ControlAnswer;
  throw new Error('no answer');
}
