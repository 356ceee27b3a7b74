SELECT compress_fast('document', 'content');
SELECT compress_fast('delivery', 'prepared');
