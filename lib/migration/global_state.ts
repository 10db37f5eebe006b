/**
 * Section "globalstate": the run state of the machine after the load.
 * 104 bytes: be32 size of the text with its NUL, 32 bytes of text, two flags
 * about suspend, and 66 bytes that are zero (seen in QEMU 11.1).
 *
 * @module
 */

import {
  bool,
  buffer,
  InvalidValue,
  u32,
  type Value,
  vmstate,
} from "../vmstate/mod.ts";
import { parseRunState, type RunState } from "./run_state.ts";

const TEXT_SIZE = 32;

/** Description of the section; instance 0. */
export const globalState = vmstate("globalstate", { version: 1 }, {
  size: u32(),
  runState: buffer(TEXT_SIZE),
  hasWasSuspended: bool(),
  wasSuspended: bool(),
  reserved: buffer(66),
}, { postLoad: (value) => void runStateOf(value) });

export type GlobalState = Value<typeof globalState>;

/** The section's value for a run state. */
export function globalStateOf(state: RunState): GlobalState {
  const text = new TextEncoder().encode(state);
  const runState = new Uint8Array(TEXT_SIZE);
  runState.set(text);
  return {
    size: text.length + 1,
    runState,
    hasWasSuspended: true,
    wasSuspended: false,
    reserved: new Uint8Array(66),
  };
}

/**
 * The run state in a section's value.
 *
 * @throws {InvalidValue} when it is unknown, or its size is wrong
 */
export function runStateOf(value: GlobalState): RunState {
  const end = value.runState.indexOf(0);
  const text = new TextDecoder().decode(value.runState.subarray(0, end));
  const state = parseRunState(text);
  const isPadded = value.runState.subarray(end).every((byte) => byte === 0);
  if (state === undefined || end < 0 || !isPadded || value.size !== end + 1) {
    throw new InvalidValue(`"${text}" of size ${value.size} is no run state`);
  }
  if (!value.hasWasSuspended || value.wasSuspended) {
    throw new InvalidValue("its guest was suspended, which none of ours is");
  }
  if (value.reserved.some((byte) => byte !== 0)) {
    throw new InvalidValue("its reserved bytes are not zero");
  }
  return state;
}
