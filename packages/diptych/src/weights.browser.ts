export * from '@diptych/weights';
