// Shutdown hooks: what each driver registers to have its hardware silenced when io-pkt ends, by order or by a fault
// (SIGSEGV). Without it a card goes on writing by DMA into memory that has been given to others. A hook does as little as
// possible: no buffers, no mutexes; it halts DMA and masks the interrupt. The last registered runs first, each once.
// After shutdownhook_establish(9).

import type { device } from './device.ts';
import type { IoPkt } from './manager.ts';
import { CTX_HOOK, current, IN_STACK } from './self.ts';

export interface shutdownhook {
  func: (arg: unknown) => void;
  readonly arg: unknown;
  readonly dev: device | null;
}

/** How a hook ended. */
export interface HookResult {
  driver: string;
  ok: boolean;
  /** What it threw; empty when it ended well. */
  message: string;
}

/** Registers `func(arg)`; returns the handle for shutdownhook_disestablish. Stack context. */
export function shutdownhook_establish<T>(func: (arg: T) => void, arg: T): shutdownhook {
  const io = current(IN_STACK, 'shutdownhook_establish');
  const hook = { func: func as (arg: unknown) => void, arg, dev: io.contexts.dev };
  io.hooks.push(hook);
  return hook;
}

/** Harmless when the hook is not registered any more. */
export function shutdownhook_disestablish(hook: shutdownhook): void {
  const { hooks } = current(IN_STACK, 'shutdownhook_disestablish');
  const at = hooks.indexOf(hook);
  if (at >= 0) hooks.splice(at, 1);
}

/** Runs every hook once, the newest first; one that throws keeps none from running. */
export function runHooks(io: IoPkt): HookResult[] {
  const results: HookResult[] = [];
  for (let hook = io.hooks.pop(); hook !== undefined; hook = io.hooks.pop()) {
    const result = { driver: hook.dev?.dv_xname ?? io.machine.name, ok: true, message: '' };
    io.contexts.enter(CTX_HOOK, hook.dev, 'shutdown hook');
    try {
      hook.func(hook.arg);
    } catch (error) {
      result.ok = false;
      result.message = (error as Error).message;
    } finally {
      io.contexts.leave();
    }
    results.push(result);
  }
  return results;
}
