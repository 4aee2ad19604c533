export * from '@diptych/core';
