// Soft interrupts: work that hard interrupts leave for a moment when interrupts are enabled again. Vectors and limits
// are Linux's: kernel/softirq.c runs them at most ten rounds and two milliseconds, then leaves the rest to ksoftirqd,
// which shares the CPU with processes.

/** Vectors, served in this order. */
export const TIMER_SOFTIRQ = 0;
export const NET_TX_SOFTIRQ = 1;
export const NET_RX_SOFTIRQ = 2;
export const SOFTIRQ_NAMES = ['TIMER', 'NET_TX', 'NET_RX'] as const;

/** MAX_SOFTIRQ_RESTART: rounds before ksoftirqd takes over. */
export const MAX_SOFTIRQ_RESTART = 10;
/** MAX_SOFTIRQ_TIME: ns before ksoftirqd takes over. */
export const MAX_SOFTIRQ_TIME_NS = 2_000_000;
