/**
 * Errors of a monitor connection.
 *
 * ```
 * QmpError
 * ├── QmpConnectError    no monitor answers at the address
 * │   └── QmpBusyError   the monitor serves another client
 * ├── QmpTimeoutError    no reply, event or greeting in time
 * ├── QmpProtocolError   the peer sent something that is not QMP
 * ├── QmpClosedError     the connection ended
 * ├── QmpCommandError    the reply to a command is an error
 * │
 * ├── QmpListenError     (server.ts)     a server cannot listen
 * └── CommandFailure     (arguments.ts)  a server's command fails
 * ```
 *
 * After {@linkcode QmpCommandError}, or {@linkcode QmpTimeoutError} for a command
 * that was sent, the connection stays usable; after the others it does not.
 *
 * @module
 */

import { CprctlError, type ErrorAdvice } from "../errors.ts";

/** The base of all errors of a monitor connection. */
export class QmpError extends CprctlError {}

/** Why a connection was not made. */
export type ConnectFailure =
  /** No socket file at the path, or no such host. */
  | "absent"
  /** No process listens on the socket file or port. */
  | "refused"
  /** Accepted, then ended before the greeting. */
  | "dropped"
  /** Permission denied. */
  | "denied"
  /** The monitor serves another client. */
  | "busy"
  /** Anything else; see the cause. */
  | "other";

/** No monitor answers at the address. */
export class QmpConnectError extends QmpError {
  /** Subclasses give a code of their own. */
  constructor(
    /** The reason, to decide whether to retry. */
    readonly failure: ConnectFailure,
    message: string,
    advice?: ErrorAdvice,
    code = "qmp-connect",
  ) {
    super(code, message, advice);
  }
}

/** The monitor serves another client. */
export class QmpBusyError extends QmpConnectError {
  /** The failure is `busy`, the code `qmp-busy`. */
  constructor(
    message: string,
    /** The process of the monitor, if it is known. */
    readonly pid: number | undefined,
    advice?: ErrorAdvice,
  ) {
    super("busy", message, advice, "qmp-busy");
  }
}

/** No reply, event or greeting came in time. */
export class QmpTimeoutError extends QmpError {
  /** The message says what did not come, and within which time. */
  constructor(message: string, advice?: ErrorAdvice) {
    super("qmp-timeout", message, advice);
  }
}

/** The peer sent something that is not QMP. */
export class QmpProtocolError extends QmpError {
  /** The message says what the peer sent. */
  constructor(message: string, advice?: ErrorAdvice) {
    super("qmp-protocol", message, advice);
  }
}

/** How a connection ended. */
export type CloseReason =
  /** This side closed it. */
  | "local"
  /** The peer closed it, exited, or exec'd. */
  | "eof"
  /** Likewise, with data that the peer had not read; or a transport error. */
  | "reset";

/** The connection ended before the reply or event came. */
export class QmpClosedError extends QmpError {
  /** The message says what was waited for. */
  constructor(
    /** How it ended. */
    readonly reason: CloseReason,
    message: string,
    advice?: ErrorAdvice,
  ) {
    super("qmp-closed", message, advice);
  }
}

/** The reply to a command is an error. */
export class QmpCommandError extends QmpError {
  /** Takes over what the error reply says. */
  constructor(
    /** The command's name. */
    readonly command: string,
    /** QMP's error class, such as "GenericError" or "CommandNotFound". */
    readonly errorClass: string,
    /** The monitor's description of the error. */
    readonly description: string,
  ) {
    super("qmp-command", `Command "${command}" failed: ${description}`);
  }
}
