/** The tokenizer class of a `model_type` where no file names one (transformers 5, `models/auto/tokenization_auto.py`). */
const TYPES_OF_CLASS: { readonly [name: string]: string } = {
  BertTokenizer:
    'align bark bert blip bros chinese_clip distilbert electra ernie flava git grounding-dino layoutlm megatron-bert mm-grounding-dino nezha nomic_bert qdqbert realm retribert squeezebert tvp vilt visual_bert',
  LxmertTokenizer: 'lxmert',
  MobileBertTokenizer: 'mobilebert',
  FunnelTokenizer: 'funnel',
  MPNetTokenizer: 'mpnet',
  DPRQuestionEncoderTokenizer: 'dpr',
  RobertaTokenizer: 'bart bridgetower clap data2vec-text ibert lilt longformer mega mra roberta roberta-prelayernorm',
  BartTokenizer: 'florence2',
  LEDTokenizer: 'led',
  MvpTokenizer: 'mvp',
  GPT2Tokenizer:
    'blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj instructblip instructblipvideo jais2 opt phi starcoder2 hyperclovax_vision_v2',
  CLIPTokenizer: 'aimv2 clip clipseg groupvit omdet-turbo oneformer owlv2 owlvit sam3 sam3_video xclip',
  DebertaTokenizer: 'deberta',
  DebertaV2Tokenizer: 'deberta-v2',
  AlbertTokenizer: 'albert yoso',
  BigBirdTokenizer: 'big_bird',
  CamembertTokenizer: 'camembert',
  XLMRobertaTokenizer: 'gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod',
  T5Tokenizer: 'mt5 musicgen musicgen_melody switch_transformers t5',
  GPTNeoXTokenizer: 'falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm',
  LlamaTokenizer: 'idefics idefics2',
  GemmaTokenizer: 'gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma shieldgemma2 t5gemma',
  Siglip2Tokenizer: 'siglip2',
  SiglipTokenizer: 'siglip',
  Qwen2Tokenizer:
    'audioflamingo3 colqwen2 hunyuan_vl internvl ovis2 qianfan_ocr qwen2 qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe',
};

export const CLASS_OF_MODEL_TYPE: ReadonlyMap<string, string> = new Map(
  Object.entries(TYPES_OF_CLASS).flatMap(([name, types]) => types.split(' ').map((type) => [type, name] as const)),
);

/**
 * Types whose published checkpoints name a wrong class: the type's own counts, and where it has none `tokenizer.json` as it
 * stands (`MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS`).
 */
export const WRONG_CLASS_ON_HUB: ReadonlySet<string> = new Set(
  'arctic camembertv2-base chatlm cohere_asr ernie4_5 ernie4_5_moe fuyu h2ovl_chat hyperclovax hyperclovax_vision_v2 hyperclovax_vlm internlm2 internlm3 iquestcoder jamba llava llava_next minicpm3 minicpmv minimax_m2 modernbert modernbert-decoder molmo molmo2 nemotron nvfp4 opencua openvla paddleocr_vl phi3 phi3_v phimoe qwen2 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp siglip2 smolvlm step3_vl vipllava'.split(
    ' ',
  ),
);

/** Types that read `tokenizer.json` as it stands where their files name another class. */
export const GENERIC_MODEL_TYPES: ReadonlySet<string> = new Set(
  'aria beam bigbird_pegasus canary flex_olmo glm glm4 glm4_moe glm4_moe_lite glm4v glm4v_moe glm_image glmasr got_ocr2 gpt_bigcode granite granitemoe granitemoehybrid granitemoeshared kimi_k25 kimi_linear kosmos-2 mimo_v2_flash minicpm_ocr ministral ministral3 mistral mistral3 mistral_large4 mixtral nemo_speechlm nystromformer olmo2 olmo3 olmo_hybrid pegasus_x persimmon pix2struct pixtral stablelm umt5 voxtral voxtral_realtime xlm-roberta-xl'.split(
    ' ',
  ),
);

/** Classes of transformers with rules of their own that are not here. Names of nobody read `tokenizer.json` as it stands. */
export const CLASSES_NOT_SUPPORTED: ReadonlySet<string> = new Set(
  'Barthez Bartpho BertGeneration BertJapanese Bertweet BioGpt BlenderbotSmall Blenderbot ByT5 CTRL Canine Clvp CodeGen CodeLlama Cohere ConvBert CpmAnt Cpm DPRReader Dia Esm Esmc FNet FSMT Flaubert GPTNeoXJapanese GPTSw3 Herbert Lasr LayoutLMv2 LayoutLMv3 LayoutXLM Luke M2M100 MLuke Marian MarkupLM Mgpstr MyT5 Nllb Nougat OpenAIGPT PLBart Parakeet Pegasus Perceiver Phobert ProphetNet Qwen3_5 Rag Reformer RemBert RoCBert RoFormer SeamlessM4T Speech2Text SpeechT5 Splinter Tapas Tipsv2 Udop VideoPrism Vits Wav2Vec2CTC Wav2Vec2PhonemeCTC Whisper XGLM XLM XLNet'
    .split(' ')
    .map((name) => `${name}Tokenizer`),
);
