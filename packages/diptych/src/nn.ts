export * from '@diptych/nn';
