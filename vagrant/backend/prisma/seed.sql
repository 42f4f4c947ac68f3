-- What a lab's database starts with: three projects of user123, avatars with and without a persona.
-- Fixed ids and times, so that two dumps of two fresh databases are the same.
INSERT INTO avatar_projects (id, "userId", name, description, "createdAt", "updatedAt") VALUES
  ('ckxproject0000000000000001', 'user123', 'Harbour Stories', 'Characters of the harbour series', '2025-09-02 08:00:00', '2025-09-20 16:30:00'),
  ('ckxproject0000000000000002', 'user123', 'Autumn Campaign', NULL, '2025-09-15 09:15:00', '2025-09-15 09:15:00'),
  ('ckxproject0000000000000003', 'user123', 'Empty Sketchbook', 'No avatars yet', '2025-10-03 14:45:00', '2025-10-03 14:45:00');

INSERT INTO avatars (
  id, "userId", "projectId", name, "baseImageUrl", "thumbnailUrl",
  "personaName", "personaAge", "personaPersonality", "personaBackground",
  gender, "ageRange", ethnicity, "bodyType", "hairStyle", "hairColor", "eyeColor", "skinTone", style,
  "sourceType", "generationPrompt", "seedUsed", "usageCount", "lastUsedAt", "createdAt", "updatedAt"
) VALUES
  ('ckxavatar00000000000000001', 'user123', 'ckxproject0000000000000001', 'Harbour master', '/static/harbour-master.png', '/static/harbour-master-small.png',
   'Marit', 58, 'dry, patient', 'Thirty years on tugs',
   'female', '50-60', 'nordic', 'sturdy', 'short', 'grey', 'blue', 'fair', 'watercolour',
   'generated', 'a harbour master at dawn', 471100, 12, '2025-10-01 07:30:00', '2025-09-02 08:05:00', '2025-10-01 07:30:00'),
  ('ckxavatar00000000000000002', 'user123', 'ckxproject0000000000000001', 'Apprentice', '/static/apprentice.png', NULL,
   'Juno', 19, 'curious, "loud"', 'First summer at sea; can''t swim',
   'nonbinary', '18-25', NULL, 'slim', 'curly', 'black', 'brown', 'dark', 'watercolour',
   'generated', 'a deck hand, laughing', 471101, 3, NULL, '2025-09-03 10:00:00', '2025-09-03 10:00:00'),
  ('ckxavatar00000000000000003', 'user123', 'ckxproject0000000000000002', 'Scarf model', '/static/scarf.png', NULL,
   NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   'uploaded', NULL, NULL, 0, NULL, '2025-09-15 09:20:00', '2025-09-15 09:20:00');
