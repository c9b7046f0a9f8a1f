import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Debian's static busybox: one file that is a whole user land. */
const BUSYBOX = '/bin/busybox';

/** Runs a shell script in a throw-away container of runc, named by what a viewer would see it called. */
export function runInContainer(name: string, script: string): void {
  const bundle = makeBundle(script);
  try {
    const run = spawnSync('runc', ['run', '--bundle', bundle, name], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`runc: ${run.stderr || String(run.error)}`);
  } finally {
    rmSync(bundle, { recursive: true, force: true });
  }
}

/** Starts such a container and goes on; what is returned ends it. */
export function startContainer(name: string, script: string): () => void {
  const bundle = makeBundle(script);
  const running = spawn('runc', ['run', '--bundle', bundle, name], { stdio: 'ignore' });
  return () => {
    spawnSync('runc', ['delete', '--force', name]);
    running.kill();
    rmSync(bundle, { recursive: true, force: true });
  };
}

function makeBundle(script: string): string {
  const bundle = mkdtempSync(join(tmpdir(), 'yagura-console-'));
  makeRoot(join(bundle, 'rootfs'));
  execFileSync('runc', ['spec'], { cwd: bundle });
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as {
    process: { terminal: boolean; args: string[] };
    root: { readonly: boolean };
  };
  config.process.terminal = false;
  config.process.args = ['/bin/sh', '-c', script];
  config.root.readonly = false;
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
  return bundle;
}

function makeRoot(root: string): void {
  for (const folder of ['bin', 'etc', 'tmp', 'proc', 'dev', 'sys'])
    mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
  chmodSync(join(root, 'bin/busybox'), 0o755);
  for (const applet of ['sh', 'cp', 'cat', 'sleep', 'true']) {
    copyFileSync(BUSYBOX, join(root, 'bin', applet));
  }
}

/** A name for a container that no other has. */
export function freshName(what: string): string {
  return `${what}-${process.pid.toString()}-${Date.now().toString(36)}`;
}
