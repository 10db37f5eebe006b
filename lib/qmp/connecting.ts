/**
 * Reaching a monitor: attempts, what to wait for, and why it did not come.
 *
 * @module
 */

import { type Patience, within } from "./deadline.ts";
import { QmpClosedError, QmpConnectError } from "./errors.ts";
import { openTransport } from "./open_transport.ts";
import { explainSilence } from "./silence.ts";
import {
  type Peer,
  type QmpAddress,
  showAddress,
  type Transport,
} from "./transport.ts";

/**
 * Between two attempts to reach a program that is starting. QEMU listens long
 * before it answers; asking more often only takes time from it.
 */
const RETRY_MS = 4;

/** No greeting in time; turned into an error that says why. */
class Silence extends Error {}

/**
 * Opens the transport.
 *
 * @throws {QmpConnectError} if nobody accepts, and says why
 */
export async function openOrExplain(
  address: QmpAddress,
  { timeoutMs, signal }: Patience,
): Promise<Transport> {
  const giveUp = new AbortController();
  const opening = openTransport(address, timeoutMs, giveUp.signal);
  try {
    return await within(opening, { timeoutMs, signal }, () => new Silence());
  } catch (error) {
    giveUp.abort();
    // Opened after all: nobody will use it.
    opening.then((transport) => transport.close(), () => {});
    const unserved = error instanceof Silence ||
      error instanceof QmpConnectError && error.failure === "busy";
    if (!unserved) throw error;
    throw await explainSilence(address, timeoutMs, null);
  }
}

/** Waits for a greeting; what it throws in vain is for {@linkcode explain}. */
export async function greeted(
  greeting: Promise<unknown>,
  patience: Patience,
): Promise<void> {
  await within(greeting, patience, () => new Silence());
}

/** Why a handshake failed: the error that its caller is to see. */
export async function explain(
  error: unknown,
  address: QmpAddress,
  { timeoutMs }: Patience,
  peer: Peer | null,
): Promise<unknown> {
  if (error instanceof Silence) {
    return await explainSilence(address, timeoutMs, peer);
  }
  // A connection that ended before its handshake was not really made.
  if (!(error instanceof QmpClosedError)) return error;
  return new QmpConnectError(
    "dropped",
    `Cannot connect to the monitor "${showAddress(address)}": ` +
      "it ended the connection before the handshake",
    { cause: error },
  );
}

/**
 * Tries to connect until it succeeds or can never.
 *
 * @param attempt is given the milliseconds that are left
 * @throws what the last attempt threw, when `timeoutMs` have passed
 */
export async function untilConnected<Connection>(
  attempt: (timeoutMs: number) => Promise<Connection>,
  timeoutMs: number,
): Promise<Connection> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt(deadline - performance.now());
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (performance.now() + RETRY_MS >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Whether the next attempt may find what this one did not. */
function isPassing(error: unknown): boolean {
  return error instanceof QmpConnectError &&
    error.failure !== "denied" && error.failure !== "other";
}
