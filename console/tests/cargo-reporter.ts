import type { FullResult, Reporter, TestCase, TestResult } from '@playwright/test/reporter';

/** Tells results in the words of `cargo test`, so that `cargo xtask test` counts them with all others. */
export default class CargoReporter implements Reporter {
  private passed = 0;
  private failed = 0;
  private ignored = 0;

  onTestEnd(test: TestCase, result: TestResult): void {
    if (result.status === 'skipped') {
      this.ignored += 1;
      const reason = test.annotations.find(({ type }) => type === 'skip')?.description;
      this.tell(test, `ignored, ${reason ?? 'one before it failed'}`);
    } else if (result.status === test.expectedStatus) {
      this.passed += 1;
      this.tell(test, result.retry === 0 ? 'ok' : 'ok, at the second try');
    } else {
      for (const { stack, message } of result.errors) process.stdout.write(`${stack ?? message ?? ''}\n`);
      if (result.retry < test.retries) return;
      this.failed += 1;
      this.tell(test, 'FAILED');
    }
  }

  onError(error: { message?: string }): void {
    process.stdout.write(`${error.message ?? 'the tests broke'}\n`);
  }

  onEnd(result: FullResult): void {
    const word = result.status === 'passed' ? 'ok' : 'FAILED';
    process.stdout.write(
      `test result: ${word}. ${this.passed} passed; ${this.failed} failed; ${this.ignored} ignored\n`,
    );
  }

  private tell(test: TestCase, outcome: string): void {
    process.stdout.write(`test console::browser::${test.title} ... ${outcome}\n`);
  }
}
