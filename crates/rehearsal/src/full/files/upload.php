<?php
// Keeps whatever it is sent, under the name that the sender chose: the classic mistake.
$file = $_FILES['file'];
move_uploaded_file($file['tmp_name'], __DIR__ . '/uploads/' . basename($file['name']));
echo "kept\n";
