import type { Schema } from '../../api/types';
import type { SubjectTexts } from './SubjectForm';

/** What the center is asked, of what was typed; what was left empty is unknown. */
export function subjectBody(subject: SubjectTexts): Schema<'TestSubject'> {
  return {
    cluster: subject.cluster || null,
    namespace: subject.namespace,
    pod: subject.pod,
    container: subject.container,
    image: subject.image,
    provider: (subject.provider || null) as Schema<'CloudProvider'> | null,
    account: subject.account,
    process: subject.process,
    parent: subject.parent,
    ancestors: subject.parent ? [subject.parent] : [],
    sha256: subject.sha256,
  };
}
