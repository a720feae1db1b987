// How long scenarios wait, in ms of the subject's own time. Waits end as soon as what is waited for has come: on a model
// a long limit costs nothing, and in real time on a busy computer only a long one tells a hang from a pause.

/** For what comes at once on an idle machine. */
export const PATIENCE_MS = 15_000;
/** For the driver to notice that its link or its card is gone: its watch looks every 2 s. */
export const LOSS_MS = 10_000;
/** For the link: seen at open, or by the watch every 250 ms; the Am79C973 negotiates for 1.5 s. */
export const CARRIER_MS = 20_000;
/** For what is under way to arrive, when nobody can tell that nothing more will. */
export const QUIET_MS = 20;
