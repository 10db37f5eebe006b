import { Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import {
  O_CREAT,
  O_NOCTTY,
  O_NONBLOCK,
  O_TRUNC,
  O_WRONLY,
} from "../../ffi/open_flags.ts";
import { ifThereSync } from "../gone.ts";
import { CprctlError } from "../errors.ts";

/** A file with this process's id, which is removed when the process ends. */
export class PidFile implements Disposable {
  /** @throws {CprctlError} when it cannot be written */
  constructor(private readonly path: string) {
    try {
      using file = Fd.open(
        path,
        O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY,
      );
      file.writeAll(new TextEncoder().encode(`${Deno.pid}\n`));
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      throw new CprctlError(
        "pidfile",
        `Cannot write pidfile "${path}": ${error.description}`,
        { remedy: "Give -pidfile a path that can be written", cause: error },
      );
    }
  }

  [Symbol.dispose](): void {
    ifThereSync(() => Deno.removeSync(this.path));
  }
}
