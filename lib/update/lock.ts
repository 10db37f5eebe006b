import { Fd } from "../../ffi/fd.ts";
import { O_CREAT, O_NOFOLLOW, O_RDWR } from "../../ffi/open_flags.ts";
import { RefusedError } from "./error.ts";
import { baseDirectory } from "./run_directory.ts";

/**
 * Makes sure that one cprctl at a time works on a VM. The lock ends with the
 * process that has it, however that ends; its file stays, empty.
 *
 * @throws {RefusedError} when another one has it
 */
export async function lockVm(pid: number): Promise<Fd> {
  const path = `${await baseDirectory()}/${pid}.lock`;
  const file = Fd.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  if (file.tryLock()) return file;
  file.close();
  throw new RefusedError(
    "locked",
    `Another cprctl works on process ${pid}`,
    { remedy: "Wait until it is done" },
  );
}
