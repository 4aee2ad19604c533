// What worker threads import: the parts, and the kinds of preprocess in the same bundle, so that the test needs no build of packages.
import { registerKinds } from '@diptych/core';
import { kinds as transforms } from '@diptych/preprocess/image';
import './own-parts.js';

registerKinds(transforms, import.meta.url);
