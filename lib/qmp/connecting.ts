/**
 * Connecting to a monitor: attempts, and why one failed.
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
 * Between two attempts to connect to a program that is starting. QEMU listens
 * long before it answers; more attempts would only slow it down.
 */
const RETRY_MS = 4;

/** No greeting in time; replaced by an error with the reason. */
class Silence extends Error {}

/**
 * Opens the transport.
 *
 * @throws {QmpConnectError} if the connection is not accepted
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
    // It may still open, and is not used then.
    opening.then((transport) => transport.close(), () => {});
    const unserved = error instanceof Silence ||
      error instanceof QmpConnectError && error.failure === "busy";
    if (!unserved) throw error;
    throw await explainSilence(address, timeoutMs, null);
  }
}

/** Waits for a greeting; {@linkcode explain} replaces what it throws. */
export async function greeted(
  greeting: Promise<unknown>,
  patience: Patience,
): Promise<void> {
  await within(greeting, patience, () => new Silence());
}

/** The error to throw for a handshake that failed. */
export async function explain(
  error: unknown,
  address: QmpAddress,
  { timeoutMs }: Patience,
  peer: Peer | null,
): Promise<unknown> {
  if (error instanceof Silence) {
    return await explainSilence(address, timeoutMs, peer);
  }
  // A connection that ends before the handshake counts as not made.
  if (!(error instanceof QmpClosedError)) return error;
  return new QmpConnectError(
    "dropped",
    `Cannot connect to the monitor "${showAddress(address)}": ` +
      "it ended the connection before the handshake",
    { cause: error },
  );
}

/**
 * Retries to connect until it succeeds, or fails permanently.
 *
 * @param attempt gets the remaining milliseconds
 * @throws the error of the last attempt, after `timeoutMs`
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
      if (!isTransient(error)) throw error;
      if (performance.now() + RETRY_MS >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Whether another attempt may succeed. */
function isTransient(error: unknown): boolean {
  return error instanceof QmpConnectError &&
    error.failure !== "denied" && error.failure !== "other";
}
