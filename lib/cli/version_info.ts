import { VERSION } from "../version.ts";
import { builtFrom } from "./commit.ts";
import { type Form, selfForm } from "./self.ts";

/** What `version --json` prints. */
export interface VersionInfo {
  readonly version: string;
  /** 40 hexadecimal digits; null where the program cannot tell. */
  readonly commit: string | null;
  readonly form: Form;
  readonly deno: string;
  /** As compilers name it: x86_64-unknown-linux-gnu. */
  readonly target: string;
}

/** Which cprctl this is. */
export function versionInfo(): VersionInfo {
  return {
    version: VERSION,
    commit: builtFrom(),
    form: selfForm(),
    deno: Deno.version.deno,
    target: Deno.build.target,
  };
}
