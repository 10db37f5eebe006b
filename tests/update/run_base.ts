/**
 * Gives this process a runtime directory of its own, so that a test meets no
 * other cprctl's; what was there before is put back at the end.
 */
export async function withRunDirectory(): Promise<
  AsyncDisposable & { readonly path: string }
> {
  const name = "RUNTIME_DIRECTORY";
  const before = Deno.env.get(name);
  const path = await Deno.makeTempDir({ prefix: "cprctl-run-" });
  Deno.env.set(name, path);
  return {
    path,
    async [Symbol.asyncDispose]() {
      if (before === undefined) Deno.env.delete(name);
      else Deno.env.set(name, before);
      await Deno.remove(path, { recursive: true });
    },
  };
}
