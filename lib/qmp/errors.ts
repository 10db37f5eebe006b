/**
 * What can go wrong with a monitor.
 *
 * ```
 * QmpError
 * ├── QmpConnectError    nobody answers at the address
 * │   └── QmpBusyError   somebody listens, but another client has its attention
 * ├── QmpTimeoutError    the peer did not do its part in time
 * ├── QmpProtocolError   the peer sent something that is not QMP
 * ├── QmpClosedError     the connection ended
 * ├── QmpCommandError    the peer answered a command with an error
 * │
 * ├── QmpListenError     (server.ts)     a socket that cannot be served
 * └── CommandFailure     (arguments.ts)  what a server answers with an error
 * ```
 *
 * {@linkcode QmpCommandError}, and {@linkcode QmpTimeoutError} for a command
 * that was sent, leave the connection usable; the others are its end.
 *
 * @module
 */

import { CprctlError, type ErrorAdvice } from "../errors.ts";

/** The root of all errors of a monitor connection. */
export class QmpError extends CprctlError {
  override readonly name: string = "QmpError";
}

/** Why a connection was not made. */
export type ConnectFailure =
  /** No socket file at the path, or no such host. */
  | "absent"
  /** A socket file that nobody listens on, or a closed port. */
  | "refused"
  /** Accepted, then ended before the greeting. */
  | "dropped"
  /** The permissions of the socket file. */
  | "denied"
  /** Another client is being served. */
  | "busy"
  /** Anything else; the cause says what. */
  | "other";

/** Nobody answers at the address. */
export class QmpConnectError extends QmpError {
  override readonly name: string = "QmpConnectError";

  constructor(
    /** Why, for those who want to try again. */
    readonly failure: ConnectFailure,
    message: string,
    advice?: ErrorAdvice,
    code = "qmp-connect",
  ) {
    super(code, message, advice);
  }
}

/** Somebody listens at the address, but serves another client first. */
export class QmpBusyError extends QmpConnectError {
  override readonly name: string = "QmpBusyError";

  constructor(message: string, advice?: ErrorAdvice) {
    super("busy", message, advice, "qmp-busy");
  }
}

/** The peer did not answer, or did not send an awaited event, in time. */
export class QmpTimeoutError extends QmpError {
  override readonly name: string = "QmpTimeoutError";

  constructor(message: string, advice?: ErrorAdvice) {
    super("qmp-timeout", message, advice);
  }
}

/** The peer sent something that is not QMP. */
export class QmpProtocolError extends QmpError {
  override readonly name: string = "QmpProtocolError";

  constructor(message: string, advice?: ErrorAdvice) {
    super("qmp-protocol", message, advice);
  }
}

/** How a connection ended. */
export type CloseReason =
  /** This side closed it. */
  | "local"
  /** The peer closed it or went away: among others, it exec'd. */
  | "eof"
  /**
   * The same with something sent and not yet read there, or another failure
   * of the transport.
   */
  | "reset";

/** The connection ended before the answer or the event came. */
export class QmpClosedError extends QmpError {
  override readonly name: string = "QmpClosedError";

  constructor(
    /** How it ended. */
    readonly reason: CloseReason,
    message: string,
    advice?: ErrorAdvice,
  ) {
    super("qmp-closed", message, advice);
  }
}

/** The peer refused a command, in its own words. */
export class QmpCommandError extends QmpError {
  override readonly name: string = "QmpCommandError";

  constructor(
    /** The command's name. */
    readonly command: string,
    /** QMP's error class, such as "GenericError" or "CommandNotFound". */
    readonly errorClass: string,
    /** The peer's own text. */
    readonly description: string,
  ) {
    super("qmp-command", `Command "${command}" failed: ${description}`);
  }
}
